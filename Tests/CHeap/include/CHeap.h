// malloc.h is not part of the Glibc module.
#ifndef HAREBELL_CHEAP_H
#define HAREBELL_CHEAP_H
/// Bytes that are allocated and not freed; -1 where malloc does not tell.
long cheap_bytes_in_use(void);
#endif

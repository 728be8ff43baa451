// The entry of libFuzzer as a library, which has no header of its own.
#ifndef HAREBELL_CLIBFUZZER_H
#define HAREBELL_CLIBFUZZER_H
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
#endif

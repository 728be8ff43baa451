"""The event that the workers of harebell-bench handle, as a typed model: PaidOut.swift's twin."""

from datetime import datetime

from pydantic import BaseModel


class Borrower(BaseModel):
    name: str
    email: str


class Money(BaseModel):
    minorUnits: int
    currency: str


class PaidOut(BaseModel):
    loanID: str
    borrower: Borrower
    amount: Money
    reference: str
    occurredAt: datetime

"""Why a document as a whole can't be read, said once for all readers.

Each function returns the error to raise, so that call sites read `raise encrypted("PDF")`.
"""

from stoa.base.errors import InvalidInput, TooLarge, UnsupportedType, UserError


def empty() -> UserError:
    """0 bytes."""
    return InvalidInput("The file is empty.", hint="Upload it again; it may have been cut off.")


def encrypted(kind: str) -> UserError:
    """Needs a password to open."""
    return InvalidInput(
        f"The {kind} is protected by a password.",
        hint="Remove the password and upload it again.",
    )


def damaged(kind: str, detail: str = "") -> UserError:
    """Recognised, but its structure can't be followed."""
    return InvalidInput(
        f"The {kind} is damaged{': ' + detail if detail else ''}.",
        hint="Open it in the program that made it, save it again, and upload that.",
    )


def unsupported(what: str, hint: str = "") -> UserError:
    """A kind that nothing here reads."""
    return UnsupportedType(
        f"{what} can't be read.",
        hint=hint or "Upload PDF, DOCX, PPTX, XLSX, HTML, Markdown, CSV or plain text.",
    )


def too_large(what: str, limit: str) -> UserError:
    """Over one of the limits of a document."""
    return TooLarge(f"{what}; the limit is {limit}.", hint="Split the document into smaller ones.")


def bomb(kind: str, detail: str) -> UserError:
    """Unpacks or expands to far more than it is."""
    return TooLarge(
        f"The {kind} is refused: {detail}.",
        hint="If the file is genuine, save it as PDF and upload that.",
    )

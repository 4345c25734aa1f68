"""Words that several tabs of the page use for the same thing."""

SAMPLE_QUESTIONS = (
    "How many trips were there in 2024?",
    "Which five customers made the most trips?",
    "What is the total fee per town?",
)
"""Questions that the sample database answers; a test asks them."""

STEPS = {
    "reuse": "Looking for the same question",
    "tables": "Choosing tables",
    "query": "Writing the query",
    "guard": "Checking the query",
    "explain": "Asking the database whether it works",
    "run": "Running it",
    "english": "Writing the answer",
    "check": "Checking the answer against the rows",
    "done": "Done",
}
PROBLEMS = {
    "not_understood": "Not understood",
    "not_in_database": "Not in this database",
    "ambiguous": "Could mean several things",
    "writes": "Only reading is possible",
    "refused": "Refused by the guard",
    "failed": "The database refused it",
    "timeout": "Took too long",
}


def answered_by(name: str) -> str:
    """Who wrote a query or an answer, as a person says it."""
    known = {"offline": "Offline parser", "you": "Your query", "rows": "Written from the rows"}
    return known.get(name, f"Answered by {name}")

"""How to connect a model: what is set now, and what to write where."""

from stoa.app.console.visit import Visit
from stoa.ui.elements import tag, text
from stoa.ui.feedback import chip
from stoa.ui.frame import card, facts, page_head

_WAYS = (
    (
        "Ollama, vLLM or any OpenAI-compatible server",
        "STOA_OPENAI_BASE_URL=http://127.0.0.1:11434/v1\nSTOA_MODEL_STRONG=openai:qwen3:14b",
    ),
    ("OpenAI", "OPENAI_API_KEY=…\nSTOA_MODEL_STRONG=openai:<model>"),
    ("Anthropic", "ANTHROPIC_API_KEY=…\nSTOA_MODEL_STRONG=anthropic:<model>"),
    ("Amazon Bedrock", "AWS_REGION=…\nSTOA_MODEL_STRONG=bedrock:<model id>"),
)


async def show(visit: Visit) -> None:
    """`/connect`"""
    page_head(
        "Connect a model",
        "Set these where Stoa is started, in the environment or in stoa.toml, and start it again.",
    )
    settings = visit.platform.settings
    with card("What answers now"):
        facts(
            [
                ("Hard prompts", settings.model_strong or "offline twin"),
                ("Simple prompts", settings.model_fast or settings.model_strong or "offline twin"),
                ("Pictures", settings.model_vision or settings.model_strong or "offline twin"),
                ("Embeddings", settings.model_embedding or "the local encoder"),
                ("Order of passages", settings.model_reranker or "rank fusion, no reranker"),
            ]
        )
        if not settings.model_strong:
            text(
                "Without a model every prompt runs as its offline twin: deterministic rules that "
                "copy, count and rank, and never invent. Answers say which one made them.",
                "soft",
            )
    for title, lines in _WAYS:
        with card(title):
            tag("pre", lines, "code", tabindex="0")
    with card("In stoa.toml"):
        tag("pre", 'model_strong = "openai:<model>"\nmodel_fast = "openai:<smaller model>"', "code")
        with tag("div", "", "line soft small"):
            chip("Secret")
            tag("span", "Keys belong in the environment; they never show up in logs or here.")

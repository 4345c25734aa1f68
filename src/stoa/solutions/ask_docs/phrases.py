"""The few sentences ask_docs says in its own voice, in the languages it says them in."""

from typing import Literal

Phrase = Literal["greeting", "thanks", "goodbye", "clarify", "clarify_titles", "not_found"]

_PHRASES: dict[str, dict[Phrase, str]] = {
    "en": {
        "greeting": "Hello! Ask me anything about your documents.",
        "thanks": "You are welcome! Is there anything else you would like to know?",
        "goodbye": "Goodbye, and until next time!",
        "clarify": "Could you say more precisely what you would like to know?",
        "clarify_titles": "Could you say more precisely what you would like to know? "
        "I can answer from: {titles}.",
        "not_found": "I could not find this in your documents.",
    },
    "de": {
        "greeting": "Hallo! Fragen Sie mich etwas zu Ihren Dokumenten.",
        "thanks": "Gern geschehen! Möchten Sie noch etwas wissen?",
        "goodbye": "Auf Wiedersehen und bis zum nächsten Mal!",
        "clarify": "Was genau möchten Sie wissen?",
        "clarify_titles": "Was genau möchten Sie wissen? Ich kann antworten aus: {titles}.",
        "not_found": "Das habe ich in Ihren Dokumenten nicht gefunden.",
    },
    "fr": {
        "greeting": "Bonjour ! Posez-moi une question sur vos documents.",
        "thanks": "Je vous en prie ! Souhaitez-vous savoir autre chose ?",
        "goodbye": "Au revoir et à bientôt !",
        "clarify": "Pourriez-vous préciser ce que vous voulez savoir ?",
        "clarify_titles": "Pourriez-vous préciser ce que vous voulez savoir ? "
        "Je peux répondre d'après : {titles}.",
        "not_found": "Je n'ai pas trouvé cela dans vos documents.",
    },
    "es": {
        "greeting": "¡Hola! Pregúnteme algo sobre sus documentos.",
        "thanks": "¡De nada! ¿Desea saber algo más?",
        "goodbye": "¡Adiós y hasta la próxima!",
        "clarify": "¿Podría precisar qué desea saber?",
        "clarify_titles": "¿Podría precisar qué desea saber? Puedo responder a partir de: {titles}.",
        "not_found": "No he encontrado esto en sus documentos.",
    },
}


def phrase(name: Phrase, language: str = "en", *, titles: str = "") -> str:
    """The phrase in that language, in English where it is not known."""
    return _PHRASES.get(language, _PHRASES["en"])[name].replace("{titles}", titles)

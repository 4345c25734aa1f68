"""The sentences that replies are composed from without a model. Change them to sound like you.

`{topics}` is filled with words of the review, `{product}` with what it is about. A language is offered as
soon as it has all of these keys.
"""

from typing import Final

PHRASES: Final[dict[str, dict[str, str]]] = {
    "en": {
        "hello": "Hello {author},",
        "hello_all": "Hello,",
        "glad": "thank you very much for this kind review.",
        "glad_about": "thank you very much for this kind review of {product}.",
        "mixed": "thank you for taking the time to tell us what you think.",
        "mixed_about": "thank you for taking the time to tell us what you think of {product}.",
        "sorry": "thank you for telling us, and we are sorry that you are disappointed.",
        "sorry_about": "thank you for telling us, and we are sorry that {product} disappointed you.",
        "liked": "It is good to read what you say about {topics}.",
        "noted": "We have noted what you say about {topics}.",
        "blamed": "We take what you say about {topics} seriously and pass it on to those in charge.",
        "passed_on": "We pass your words on to those in charge.",
        "welcome": "We look forward to seeing you again.",
        "tell_us": "If you would like to tell us more, we are glad to read it.",
        "and": " and ",
    },
    "fr": {
        "hello": "Bonjour {author},",
        "hello_all": "Bonjour,",
        "glad": "merci beaucoup pour votre avis chaleureux.",
        "glad_about": "merci beaucoup pour votre avis chaleureux sur {product}.",
        "mixed": "merci d’avoir pris le temps de nous donner votre avis.",
        "mixed_about": "merci d’avoir pris le temps de nous donner votre avis sur {product}.",
        "sorry": "merci de nous l’avoir dit ; nous sommes désolés de votre déception.",
        "sorry_about": "merci de nous l’avoir dit ; nous sommes désolés que {product} vous ait déçu.",
        "liked": "Nous sommes heureux de lire ce que vous dites à propos de : {topics}.",
        "noted": "Nous avons noté ce que vous dites à propos de : {topics}.",
        "blamed": "Nous prenons au sérieux ce que vous dites à propos de : {topics}, et le transmettons.",
        "passed_on": "Nous transmettons vos remarques aux personnes concernées.",
        "welcome": "Au plaisir de vous revoir.",
        "tell_us": "Si vous souhaitez nous en dire plus, nous vous lirons avec attention.",
        "and": " et ",
    },
}

TOPICS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "en": {
        "the delivery": ("deliver", "shipping", "shipment", "courier", "parcel", "package"),
        "the price": ("price", "expensive", "cheap", "overpriced", "cost", "money"),
        "the quality": ("quality", "broke", "broken", "sturdy", "flimsy", "durable"),
        "the staff": ("staff", "waiter", "waitress", "receptionist", "employee", "manager"),
        "the service": ("service", "support", "helpline", "customer care"),
        "the food": ("food", "meal", "dish", "breakfast", "dinner", "soup", "bread", "coffee"),
        "the room": ("room", "bed", "shower", "bathroom"),
        "the noise": ("noise", "noisy", "loud"),
        "the waiting time": ("wait", "queue", "slow", "late"),
        "the size": ("too small", "too big", "size", "fits", "fit"),
        "the instructions": ("instruction", "manual", "assembl"),
        "the app": ("app", "website", "login", "crash"),
    },
    "fr": {
        "la livraison": ("livraison", "livré", "colis", "livreur", "expédition"),
        "le prix": ("prix", "cher", "coût", "argent"),
        "la qualité": ("qualité", "cassé", "solide", "fragile"),
        "l’équipe": ("personnel", "équipe", "serveur", "serveuse", "accueil", "vendeur"),
        "le service": ("service", "assistance", "service client"),
        "la cuisine": (
            "repas",
            "plat",
            "cuisine",
            "petit-déjeuner",
            "dîner",
            "soupe",
            "pain",
            "café",
        ),
        "la chambre": ("chambre", "lit", "douche", "salle de bain"),
        "le bruit": ("bruit", "bruyant"),
        "l’attente": ("attente", "attendre", "attendu", "lent", "retard"),
        "la taille": ("taille", "trop petit", "trop grand"),
        "la notice": ("notice", "mode d’emploi", "montage"),
        "l’application": ("application", "site", "connexion", "plante"),
    },
}

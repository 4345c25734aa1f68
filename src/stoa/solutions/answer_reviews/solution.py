"""The declaration of answer_reviews: everything the house needs to know, nothing else."""

from pathlib import Path

from stoa.base.identity.caller import EDITORS, REVIEWERS
from stoa.contract import Operation, Route, Solution
from stoa.solutions.answer_reviews.channels import channel_set, channels
from stoa.solutions.answer_reviews.events import EVENTS, NEW_REVIEW, PICTURES
from stoa.solutions.answer_reviews.flow import REPLY, SENTIMENT, TOXICITY, submit
from stoa.solutions.answer_reviews.page import page
from stoa.solutions.answer_reviews.pictures import PICTURE, check_pictures, pictures
from stoa.solutions.answer_reviews.reviews import (
    event_log,
    export,
    label,
    list_reviews,
    retract,
    show,
)
from stoa.solutions.answer_reviews.statistics import statistics
from stoa.solutions.answer_reviews.thresholds import picture, thresholds
from stoa.solutions.answer_reviews.welcome import fill

SOLUTION = Solution(
    name="answer_reviews",
    title="Reviews",
    summary="Answers customer reviews, and asks a person where it is not sure.",
    folder=Path(__file__).parent,
    icon="rate_review",
    operations=(
        Operation(list_reviews, name="list"),
        Operation(show),
        Operation(submit, durable=True),
        Operation(label, roles=REVIEWERS),
        Operation(retract, roles=EDITORS, destructive=True),
        Operation(export, roles=EDITORS),
        Operation(channels),
        Operation(channel_set, roles=EDITORS),
        Operation(thresholds, roles=REVIEWERS),
        Operation(statistics, roles=REVIEWERS),
        Operation(event_log, roles=EDITORS),
        Operation(check_pictures, durable=True),
        Operation(pictures),
    ),
    prompts=(TOXICITY, SENTIMENT, REPLY, PICTURE),
    routes=(Route("thresholds/{channel}/picture", picture),),
    events=EVENTS,
    reacts={NEW_REVIEW: "submit", PICTURES: "check_pictures"},
    page=page,
    sample=fill,
)

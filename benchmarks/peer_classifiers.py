"""alt-profanity-check and VADER for comparison. Runs in the peers' environment: a JSON object with the lists
`toxicity` and `sentiment` on standard input; prints scores and the seconds they took."""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")  # the model was pickled by an older scikit-learn

from profanity_check import predict_prob  # noqa: E402
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: E402


def main() -> None:
    """Score all texts."""
    given = json.load(sys.stdin)
    analyzer = SentimentIntensityAnalyzer()
    predict_prob(["warm"])
    started = time.perf_counter()
    toxicity = [float(each) for each in predict_prob(given["toxicity"])]
    between = time.perf_counter()
    sentiment = [analyzer.polarity_scores(text)["compound"] for text in given["sentiment"]]
    seconds = [between - started, time.perf_counter() - between]
    json.dump({"toxicity": toxicity, "sentiment": sentiment, "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()

"""Users of a shop, for locust: each asks for a ranking of 25 products again and again, and clicks at times.

    STOA_KEY=stoa_… locust -f benchmarks/locustfile.py --host http://127.0.0.1:8000

`STOA_PATH` is the ranking operation (`/api/recommend_products/rank` unless set), `STOA_USERS` and
`STOA_ITEMS` how many users and items the model has, named 0, 1, 2 …; `pip install locust` first.
"""

import os
import random

from locust import FastHttpUser, constant_throughput, task  # type: ignore[import-not-found,unused-ignore]

PATH = os.environ.get("STOA_PATH", "/api/recommend_products/rank")
USERS = int(os.environ.get("STOA_USERS", "6040"))
ITEMS = int(os.environ.get("STOA_ITEMS", "3706"))


class Shopper(FastHttpUser):  # type: ignore[misc,unused-ignore]
    """Ten rankings a second."""

    wait_time = constant_throughput(10)

    def on_start(self) -> None:
        """Everybody comes with the key."""
        self.client.auth_header = f"Bearer {os.environ['STOA_KEY']}"

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def rank(self) -> None:
        """Order 25 products."""
        body = {
            "user": str(random.randrange(USERS)),
            "items": [str(each) for each in random.sample(range(ITEMS), 25)],
        }
        headers = {"Authorization": self.client.auth_header}
        with self.client.post(PATH, json=body, headers=headers, catch_response=True) as answer:
            ticket = answer.json().get("ticket") if answer.status_code == 200 else None
        if ticket and random.random() < 0.05 and "recommend_products" in PATH:
            click = PATH.removesuffix("/rank") + "/click"
            self.client.post(click, json={"ticket": ticket}, headers=headers, name="click")

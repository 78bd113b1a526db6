"""A service that reads, changes and writes JSON documents.

    python3 json_documents.py [ROUNDS]
"""
import json
import random
import sys


def customer(rng, number):
    return {
        "id": number,
        "name": "".join(rng.choice("aeioubcdfghklmnprst") for _ in range(rng.randint(4, 14))),
        "active": rng.random() < 0.8,
        "balance": round(rng.uniform(-500, 5000), 2),
        "tags": rng.sample(["new", "late", "gold", "silver", "export", "café", "north"], 3),
        "address": {"street": f"{rng.choice('ABCDE')}-Road {rng.randint(1, 300)}",
                    "zip": f"{rng.randint(10000, 99999)}", "point": [rng.random(), rng.random()]},
        "orders": [{"article": rng.randint(1, 9999), "count": rng.randint(1, 12),
                    "price": round(rng.expovariate(0.05), 2), "note": None}
                   for _ in range(rng.randint(0, 6))],
    }


def main(rounds):
    rng = random.Random(1)
    store = json.dumps([customer(rng, number) for number in range(250)])
    kept = {}
    for turn in range(rounds):
        documents = json.loads(store)
        for document in documents:
            document["total"] = sum(order["count"] * order["price"]
                                    for order in document["orders"])
            if rng.random() < 0.3:
                document["orders"].append({"article": turn, "count": 1, "price": 9.5, "note": "x"})
        kept[turn % 4] = documents
        store = json.dumps(documents[1:] + [customer(rng, turn)], indent=turn % 3 or None,
                           sort_keys=turn % 2 == 0, ensure_ascii=turn % 2 == 1)
    print(len(store), round(sum(row["total"] for rows in kept.values() for row in rows), 2))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)

"""Exact arithmetic: decimals, fractions and long integers.

    python3 exact_numbers.py [ROUNDS]
"""
import decimal
import fractions
import math
import sys


def interest(rate, years):
    balance = decimal.Decimal(10000)
    for _ in range(12 * years):
        balance = (balance * (1 + rate / 1200)).quantize(decimal.Decimal("0.01"))
        balance -= decimal.Decimal("12.50")
    return balance


def bernoulli(count):
    row, numbers = [], []
    for m in range(count):
        row.append(fractions.Fraction(1, m + 1))
        for j in range(m, 0, -1):
            row[j - 1] = j * (row[j - 1] - row[j])
        numbers.append(row[0])
    return numbers


def digits_of_pi(count):
    q, r, t, k, n, x = 1, 0, 1, 1, 3, 3
    out = []
    while len(out) < count:
        if 4 * q + r - t < n * t:
            out.append(n)
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, x = (q * k, (2 * q + r) * x, t * x, k + 1,
                                (q * (7 * k + 2) + r * x) // (t * x), x + 2)
    return out


def main(rounds):
    decimal.getcontext().prec = 40
    for turn in range(rounds):
        balances = [interest(decimal.Decimal(rate) / 8, 5) for rate in range(1, 40)]
        numbers = bernoulli(40 + turn % 2)
        pi = digits_of_pi(250)
        powers = [pow(3, k, math.factorial(40 + k % 10)) for k in range(300)]
    print(balances[-1], numbers[-2], sum(pi), sum(powers) % 1000003)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)

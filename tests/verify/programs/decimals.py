"""decimal and fractions: pi to 300 places, by two roads."""
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 310


def arctan_inverse(n):
    total = power = Decimal(1) / n
    for k in range(1, 460):
        power /= -n * n
        total += power / (2 * k + 1)
    return total


pi = 4 * (4 * arctan_inverse(5) - arctan_inverse(239))
assert str(pi).startswith("3.14159265358979323846264338327950288419716939937510")
harmonic = sum(Fraction(1, n) for n in range(1, 700))
assert harmonic > 7 and harmonic.denominator.bit_length() > 900
print("decimals:", str(pi)[:20])

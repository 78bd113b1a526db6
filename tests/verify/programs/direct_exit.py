"""os._exit: no handler runs, nothing is finalized.
exit: 5"""
import os
import sys

text = [str(i) for i in range(50000)]
print("direct_exit:", len(text))
sys.stdout.flush()
os._exit(5)

"""A program that dies by a signal.
exit: -11"""
import os
import signal
import sys

data = {i: [i] for i in range(50000)}
print("crash:", len(data))
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGSEGV)

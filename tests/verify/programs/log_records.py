"""logging and configparser: a tree of loggers, handlers, filters, tracebacks."""
import configparser
import io
import logging
import logging.handlers

out = io.StringIO()
handler = logging.StreamHandler(out)
handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
memory = logging.handlers.MemoryHandler(200, target=handler)
logging.getLogger().addHandler(memory)
logging.getLogger().setLevel(logging.INFO)
for i in range(4000):
    logger = logging.getLogger(f"part{i % 30}.piece{i % 7}")
    logger.info("step %d of %s", i, [i] * (i % 4))
    if i % 100 == 0:
        try:
            raise KeyError(i)
        except KeyError:
            logger.exception("lost %r", {i})
logging.shutdown()
config = configparser.ConfigParser()
config.read_dict({f"section {i}": {f"key{j}": f"%(base)s/{j}" for j in range(20)}
                  for i in range(60)})
config.read_string("[DEFAULT]\nbase = /somewhere\n")
assert config["section 7"]["key3"] == "/somewhere/3"
print("log_records:", out.getvalue().count("Traceback"))

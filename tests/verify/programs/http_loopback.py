"""http.server and its client, on the loopback, each in its thread."""
import http.client
import http.server
import json
import threading
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"path": self.path, "headers": dict(self.headers)})

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever).start()
port = server.server_address[1]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for i in range(60):
    with opener.open(f"http://127.0.0.1:{port}/page/{i}") as answer:
        assert json.load(answer)["path"] == f"/page/{i}"
client = http.client.HTTPConnection("127.0.0.1", port)
for i in range(40):
    client.request("POST", "/", json.dumps({"values": list(range(i * 20))}))
    assert len(json.loads(client.getresponse().read())["values"]) == i * 20
client.close()
server.shutdown()
server.server_close()
print("http_loopback: 100")

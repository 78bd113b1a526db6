"""xml: build, write, parse in three ways."""
import io
import xml.dom.minidom
import xml.etree.ElementTree as tree
import xml.sax

root = tree.Element("root")
for i in range(2500):
    child = tree.SubElement(root, "child", number=str(i), odd=str(i % 2))
    tree.SubElement(child, "text").text = "some <text> & more " * (i % 4)
text = tree.tostring(root)
assert len(tree.fromstring(text)) == 2500
assert sum(1 for _, e in tree.iterparse(io.BytesIO(text)) if e.tag == "text") == 2500


class Count(xml.sax.ContentHandler):
    seen = 0

    def startElement(self, name, attrs):
        Count.seen += len(attrs)


xml.sax.parseString(text, Count())
assert Count.seen == 5000
document = xml.dom.minidom.parseString(text[:text.index(b"<child number=\"300\"")] + b"</root>")
assert len(document.getElementsByTagName("child")) == 300
document.unlink()
print("xml_tree:", len(text))

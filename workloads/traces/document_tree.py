"""An XML document built as a tree, searched, changed, written and read again.

    python3 document_tree.py [ROUNDS]
"""
import random
import sys
import xml.etree.ElementTree as tree


def build(rng, books):
    library = tree.Element("library")
    for number in range(books):
        book = tree.SubElement(library, "book", {"id": f"b{number}", "lang": rng.choice("abcde")})
        tree.SubElement(book, "title").text = " ".join(
            rng.choice(["night", "river", "stone", "winter", "letters"]) for _ in range(4))
        authors = tree.SubElement(book, "authors")
        for _ in range(rng.randint(1, 3)):
            tree.SubElement(authors, "author", name=f"Author {rng.randint(1, 300)}").tail = "\n"
        for chapter in range(rng.randint(2, 9)):
            text = tree.SubElement(book, "chapter", {"n": str(chapter)})
            text.text = "x" * rng.randint(5, 120)
    return library


def main(rounds):
    rng = random.Random(6)
    found = size = 0
    library = build(rng, 400)
    for turn in range(rounds):
        for book in library.findall(".//book[@lang='a']"):
            book.set("seen", str(turn))
            found += len(book.findall("chapter"))
        for book in list(library)[::10]:
            library.remove(book)
        library.extend(list(build(rng, 40)))
        text = tree.tostring(library, encoding="unicode")
        size += len(text)
        library = tree.fromstring(text)
    print(found, size, len(library))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)

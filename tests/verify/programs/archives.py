"""zipfile, tarfile, gzip: packed in memory, and unpacked."""
import gzip
import io
import tarfile
import zipfile

files = {f"folder/{i}.txt": (f"content {i}\n" * (i % 50 + 1)).encode() for i in range(250)}
store = io.BytesIO()
with zipfile.ZipFile(store, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, content in files.items():
        archive.writestr(name, content)
with zipfile.ZipFile(store) as archive:
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == files
store = io.BytesIO()
with tarfile.open(fileobj=store, mode="w:gz") as archive:
    for name, content in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
store.seek(0)
with tarfile.open(fileobj=store) as archive:
    assert sum(member.size for member in archive) == sum(map(len, files.values()))
assert gzip.decompress(gzip.compress(b"".join(files.values()))) == b"".join(files.values())
print("archives:", len(files))

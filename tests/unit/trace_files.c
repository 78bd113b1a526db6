#include "tests/unit/trace_files.h"

#include "allocators/status.h"

#include <endian.h>
#include <string.h>
#include <zstd.h>

void pab_file_add(struct trace_file *file, const void *bytes, size_t size)
{
    if (file->size + size > file->room) {
        file->room = 2 * (file->size + size);
        file->bytes = realloc(file->bytes, file->room);
        PAB_CHECK(file->bytes != NULL);
    }
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

void pab_file_start(struct trace_file *file, uint32_t version)
{
    uint32_t little = htole32(version);
    file->size = 0;
    pab_file_add(file, PAB_TRACE_MAGIC, strlen(PAB_TRACE_MAGIC));
    pab_file_add(file, &little, sizeof(little));
}

void pab_file_frame(struct trace_file *file, struct pab_trace_frame head, const void *body,
                    size_t size)
{
    unsigned char bytes[PAB_TRACE_HEAD_BYTES];
    head.stored_bytes = (uint32_t)size;
    pab_trace_head_put(&head, body, bytes);
    pab_file_add(file, bytes, sizeof(bytes));
    pab_file_add(file, body, size);
}

void pab_file_text(struct trace_file *file, uint32_t kind, uint64_t first_event, const char *text)
{
    struct pab_trace_frame head = {
        .kind = kind,
        .plain_bytes = (uint32_t)strlen(text),
        .first_event = first_event,
    };
    pab_file_frame(file, head, text, strlen(text));
}

void pab_file_events(struct trace_file *file, uint64_t first_event, uint32_t count,
                     const void *plain, size_t size)
{
    size_t room = ZSTD_compressBound(size);
    void *stored = malloc(room);
    PAB_CHECK(stored != NULL);
    size_t got = ZSTD_compress(stored, room, plain, size, 1);
    PAB_CHECK(!ZSTD_isError(got));
    struct pab_trace_frame head = {
        .kind = PAB_TRACE_EVENTS,
        .plain_bytes = (uint32_t)size,
        .event_count = count,
        .first_event = first_event,
    };
    pab_file_frame(file, head, stored, got);
    free(stored);
}

void pab_file_save(const struct trace_file *file, const char *path)
{
    FILE *out = fopen(path, "wb");
    PAB_CHECK(out != NULL);
    PAB_CHECK(file->size == 0 || fwrite(file->bytes, 1, file->size, out) == file->size);
    PAB_CHECK(fclose(out) == 0);
}

void pab_file_free(struct trace_file *file)
{
    free(file->bytes);
    *file = (struct trace_file){0};
}

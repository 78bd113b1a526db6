#include "harness/trace_info.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define BATCH 4096u

/* A live block: how large it is, and the clocks when it was made. */
struct block {
    uint64_t size, event, bytes, wall_ns;
    uint16_t thread;
};

struct gathering {
    const char *path;
    struct pab_trace_info *info;
    struct pab_trace_reader *reader;
    struct block *blocks; /* by slot */
    size_t room;
    uint64_t frame_events;  /* of the frame at hand that were counted */
    uint64_t frame_from_ns; /* when it began */
    uint64_t now_ns;
    uint16_t thread; /* of the event before */
    struct pab_event events[BATCH];
};

static const char *const kinds[] = {"malloc", "calloc", "aligned", "realloc", "free", "inherit"};
static const char *const domains[] = {"raw", "mem", "obj", "libc"};

const char *pab_trace_kind_name(unsigned kind)
{
    return kind < ARRAY_COUNT(kinds) ? kinds[kind] : "?";
}

const char *pab_trace_domain_name(unsigned domain)
{
    return domain < ARRAY_COUNT(domains) ? domains[domain] : "?";
}

uint64_t pab_trace_info_requests(const struct pab_trace_info *info)
{
    const uint64_t *calls = info->all.calls;
    return calls[PAB_EVENT_MALLOC] + calls[PAB_EVENT_CALLOC] + calls[PAB_EVENT_ALIGNED] +
           calls[PAB_EVENT_REALLOC];
}

uint64_t pab_trace_info_small(const struct pab_trace_info *info)
{
    uint64_t small = 0;
    for (unsigned i = 0; i < PAB_TRACE_CLASSES; i++) {
        small += info->classes[i];
    }
    return small;
}

/* --- what one event adds -------------------------------------------------------------------- */

/* JSON's integers go no further. */
static void add_bytes(uint64_t *sum, uint64_t bytes)
{
    *sum = bytes < (uint64_t)INT64_MAX - *sum ? *sum + bytes : (uint64_t)INT64_MAX;
}

static void count_live(struct pab_trace_counts *counts, int blocks, int64_t bytes)
{
    counts->live_blocks += (uint64_t)blocks;
    counts->live_bytes += (uint64_t)bytes;
    if (counts->live_blocks > counts->peak_blocks) {
        counts->peak_blocks = counts->live_blocks;
    }
    if (counts->live_bytes > counts->peak_bytes) {
        counts->peak_bytes = counts->live_bytes;
    }
}

static void count_both(struct gathering *gathering, const struct pab_event *event, int blocks,
                       int64_t bytes)
{
    struct pab_trace_info *info = gathering->info;
    count_live(&info->domains[event->domain], blocks, bytes);
    count_live(&info->all, blocks, bytes);
    if (info->all.live_bytes > info->peak.bytes) {
        info->peak = (struct pab_trace_moment){
            .event = info->events,
            .wall_ns = gathering->now_ns,
            .blocks = info->all.live_blocks,
            .bytes = info->all.live_bytes,
        };
    }
}

static unsigned octave_of(uint64_t size)
{
    return size <= 1 ? 0 : 64u - (unsigned)__builtin_clzll(size - 1);
}

static void count_request(struct pab_trace_info *info, const struct pab_event *event)
{
    if (event->size <= 16 * (uint64_t)PAB_TRACE_CLASSES) {
        info->classes[event->size == 0 ? 0 : (event->size - 1) / 16]++;
    }
    unsigned octave = octave_of(event->size);
    info->octaves[octave]++;
    add_bytes(&info->octave_bytes[octave], event->size);
    if (event->kind == PAB_EVENT_ALIGNED) {
        info->alignments[event->align_log2]++;
    }
}

static bool make_room(struct gathering *gathering, uint32_t slot)
{
    if (slot < gathering->room) {
        return true;
    }
    size_t room = gathering->room == 0 ? BATCH : 2 * gathering->room;
    struct block *grown = realloc(gathering->blocks, room * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    gathering->blocks = grown;
    gathering->room = room; /* slots are given out one after another: it is enough */
    return true;
}

static void begin_block(struct gathering *gathering, const struct pab_event *event)
{
    gathering->blocks[event->slot] = (struct block){
        .size = event->size,
        .event = gathering->info->events,
        .bytes = gathering->info->all.requested_bytes,
        .wall_ns = gathering->now_ns,
        .thread = event->thread,
    };
    if (event->kind != PAB_EVENT_INHERIT) {
        count_request(gathering->info, event);
        add_bytes(&gathering->info->all.requested_bytes, event->size);
        add_bytes(&gathering->info->domains[event->domain].requested_bytes, event->size);
    }
    count_both(gathering, event, 1, (int64_t)event->size);
}

static void resize_block(struct gathering *gathering, const struct pab_event *event)
{
    struct pab_trace_info *info = gathering->info;
    struct block *block = &gathering->blocks[event->slot];
    count_request(info, event);
    info->grew += event->size > block->size;
    info->shrank += event->size < block->size;
    info->stayed += event->size == block->size;
    if (event->size > block->size) {
        add_bytes(&info->all.requested_bytes, event->size - block->size);
        add_bytes(&info->domains[event->domain].requested_bytes, event->size - block->size);
        pab_spread_add(&info->growth, event->size * 1000 / (block->size > 0 ? block->size : 1));
    }
    count_both(gathering, event, 0, (int64_t)(event->size - block->size));
    block->size = event->size;
}

static void end_block(struct gathering *gathering, const struct pab_event *event)
{
    struct pab_trace_info *info = gathering->info;
    const struct block *block = &gathering->blocks[event->slot];
    pab_spread_add(&info->life_events, info->events - block->event);
    pab_spread_add(&info->life_bytes, info->all.requested_bytes - block->bytes);
    if (info->wall_ns > 0) {
        pab_spread_add(&info->life_ns, gathering->now_ns - block->wall_ns);
    }
    info->foreign_ends += event->thread != block->thread;
    count_both(gathering, event, -1, -(int64_t)block->size);
}

/* --- the trace ------------------------------------------------------------------------------ */

static void tick(struct gathering *gathering)
{
    const struct pab_trace_frame *frame = pab_trace_frame(gathering->reader);
    double share = (double)++gathering->frame_events / (double)frame->event_count;
    gathering->now_ns = gathering->frame_from_ns +
                        (uint64_t)(share * (double)(frame->wall_ns - gathering->frame_from_ns));
}

static void count_thread(struct gathering *gathering, const struct pab_event *event)
{
    struct pab_trace_info *info = gathering->info;
    info->thread_events[event->thread]++;
    info->handovers += info->events > 1 && event->thread != gathering->thread;
    if (event->thread >= info->threads) {
        info->threads = event->thread + 1u;
    }
    gathering->thread = event->thread;
}

static enum pab_status count_event(struct gathering *gathering, const struct pab_event *event,
                                   struct pab_error *err)
{
    struct pab_trace_info *info = gathering->info;
    if (!make_room(gathering, event->slot)) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for the blocks of the trace");
    }
    tick(gathering);
    info->events++;
    info->all.calls[event->kind]++;
    info->domains[event->domain].calls[event->kind]++;
    count_thread(gathering, event);
    if (event->kind == PAB_EVENT_FREE) {
        end_block(gathering, event);
    } else if (event->kind == PAB_EVENT_REALLOC) {
        resize_block(gathering, event);
    } else {
        begin_block(gathering, event);
    }
    if (info->all.live_bytes > PAB_TRACE_SIZE_MAX) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: event %" PRIu64
                        ": more bytes are alive than a process can address: this "
                        "was not recorded",
                        gathering->path, info->events);
    }
    return PAB_OK;
}

static enum pab_status count_batch(struct gathering *gathering, size_t count, struct pab_error *err)
{
    struct pab_trace_info *info = gathering->info;
    const struct pab_trace_frame *frame = pab_trace_frame(gathering->reader);
    if (count > 0 && (info->frames == 0 || frame->first_event == info->events)) {
        info->frames++;
        gathering->frame_events = 0;
        gathering->frame_from_ns = info->wall_ns;
        info->wall_ns = frame->wall_ns;
        info->cpu_ns = frame->cpu_ns;
    }
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < count && status == PAB_OK; i++) {
        status = count_event(gathering, &gathering->events[i], err);
    }
    return status;
}

static enum pab_status count_all(struct gathering *gathering, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    size_t count = 1;
    while (status == PAB_OK && count > 0) {
        status = pab_trace_read(gathering->reader, gathering->events, BATCH, &count, err);
        enum pab_status counted = count_batch(gathering, count, status == PAB_OK ? err : NULL);
        status = status == PAB_OK ? counted : status;
    }
    gathering->info->slots = pab_trace_slots(gathering->reader);
    gathering->info->whole = status == PAB_OK && pab_trace_ended(gathering->reader);
    return status;
}

static json_t *object_of(const char *text)
{
    json_t *value = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (!json_is_object(value)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

static void take_note(void *arg, uint32_t kind, uint64_t first_event, const char *text)
{
    struct pab_trace_info *info = arg;
    json_t *note = kind == PAB_TRACE_FORK ? object_of(text) : NULL;
    if (note != NULL) {
        json_object_set_new(note, "event", json_integer((json_int_t)first_event));
        json_array_append_new(info->forks, note);
    }
}

/* *opened: what the file says of itself could be read. */
static enum pab_status gather(const char *path, struct pab_trace_info *info, bool *opened,
                              struct pab_error *err)
{
    struct gathering *gathering = calloc(1, sizeof(*gathering));
    if (gathering == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory to read %s", path);
    }
    gathering->path = path;
    gathering->info = info;
    enum pab_status status = pab_trace_open(path, &gathering->reader, err);
    *opened = status == PAB_OK;
    if (*opened) {
        info->meta = object_of(pab_trace_meta(gathering->reader));
        info->totals = object_of(pab_trace_totals(gathering->reader));
        json_object_del(info->totals, "index"); /* for those who seek in the file */
        pab_trace_on_note(gathering->reader, take_note, info);
        status = count_all(gathering, err);
        pab_trace_close(gathering->reader);
    }
    free(gathering->blocks);
    free(gathering);
    return status;
}

enum pab_status pab_trace_info_read(const char *path, struct pab_trace_info **out,
                                    struct pab_error *err)
{
    struct stat file = {0};
    struct pab_trace_info *info = calloc(1, sizeof(*info));
    *out = NULL;
    if (info == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory to read %s", path);
    }
    bool opened = false;
    info->forks = json_array();
    enum pab_status status = gather(path, info, &opened, err);
    if (!opened) {
        pab_trace_info_free(info);
        return status;
    }
    stat(path, &file);
    info->file_bytes = (uint64_t)file.st_size;
    *out = info;
    return status;
}

void pab_trace_info_free(struct pab_trace_info *info)
{
    if (info != NULL) {
        json_decref(info->meta);
        json_decref(info->totals);
        json_decref(info->forks);
    }
    free(info);
}

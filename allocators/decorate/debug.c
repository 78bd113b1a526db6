#include "allocators/decorate/debug.h"

#include <endian.h>
#include <string.h>

enum {
    WORD = sizeof(size_t),
    HEAD = 2 * WORD,    /* size, letter, leading pad */
    LEADING = WORD - 1, /* bytes of the leading pad */
    ERASED = 64,        /* what realloc marks dead at each end of the old block */
    DUMPED = 8,         /* what is shown of each end of a block */
};

static const struct pab_debug_style styles[] = {
    {.clean = 0xcb, .dead = 0xdb, .forbidden = 0xfb, .has_serial = true},
    {.clean = 0xcd, .dead = 0xdd, .forbidden = 0xfd, .has_serial = true},
    {.clean = 0xcd, .dead = 0xdd, .forbidden = 0xfd},
    {.clean = 0xcd, .dead = 0xdd, .forbidden = 0xfd, .names_function = true},
};

const struct pab_debug_style *pab_debug_style_of(const char *release)
{
    static const struct {
        const char *release;
        size_t style;
    } old[] = {{"2.7", 0}, {"3.6", 0}, {"3.7", 1}, {"3.8", 2}};
    for (size_t i = 0; release != NULL && i < ARRAY_COUNT(old); i++) {
        if (strcmp(release, old[i].release) == 0) {
            return &styles[old[i].style];
        }
    }
    return &styles[ARRAY_COUNT(styles) - 1];
}

/* --- the pads ------------------------------------------------------------------------------- */

/* Bytes behind the block. */
static size_t tail_bytes(const struct pab_debug_layer *layer)
{
    return layer->owner->style->has_serial ? 2 * WORD : WORD;
}

static size_t pads_bytes(const struct pab_debug_layer *layer)
{
    return HEAD + tail_bytes(layer);
}

static uint64_t read_word(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return be64toh(word);
}

static void write_word(unsigned char *at, uint64_t value)
{
    uint64_t word = htobe64(value);
    memcpy(at, &word, sizeof(word));
}

static size_t size_of(const unsigned char *p)
{
    return (size_t)read_word(p - HEAD);
}

static void write_pads(const struct pab_debug_layer *layer, unsigned char *p, size_t size,
                       uint64_t serial)
{
    const struct pab_debug_style *style = layer->owner->style;
    write_word(p - HEAD, size);
    p[-WORD] = layer->letter;
    memset(p - LEADING, style->forbidden, LEADING);
    memset(p + size, style->forbidden, WORD);
    if (style->has_serial) {
        write_word(p + size + WORD, serial);
    }
}

/* --- the report ----------------------------------------------------------------------------- */

static bool is_intact(const unsigned char *pad, size_t count, unsigned char forbidden)
{
    for (size_t i = 0; i < count; i++) {
        if (pad[i] != forbidden) {
            return false;
        }
    }
    return true;
}

/* Ends the line that was begun about a pad; `what`: "p", which it ends at, or "tail", where it
 * begins. */
static void tell_pad(const unsigned char *pad, int count, unsigned char forbidden, const char *what)
{
    if (is_intact(pad, (size_t)count, forbidden)) {
        fputs("FORBIDDENBYTE, as expected.\n", stderr);
        return;
    }
    fprintf(stderr, "not all FORBIDDENBYTE (0x%02x):\n", forbidden);
    bool leading = what[0] == 'p';
    for (int i = 0; i < count; i++) {
        fprintf(stderr, "        at %s%c%d: 0x%02x%s\n", what, leading ? '-' : '+',
                leading ? count - i : i, pad[i], pad[i] == forbidden ? "" : " *** OUCH");
    }
    if (leading) {
        fputs("    Because memory is corrupted at the start, the count of bytes requested\n"
              "       may be bogus, and checking the trailing pad bytes may segfault.\n",
              stderr);
    }
}

static void tell_data(const unsigned char *p, size_t size)
{
    if (size == 0) {
        return;
    }
    fputs("    Data at p:", stderr);
    for (size_t i = 0; i < size && i < DUMPED; i++) {
        fprintf(stderr, " %02x", p[i]);
    }
    if (size > 2 * (size_t)DUMPED) {
        fputs(" ...", stderr);
    }
    for (size_t i = size > 2 * (size_t)DUMPED ? size - DUMPED : DUMPED; i < size; i++) {
        fprintf(stderr, " %02x", p[i]);
    }
    fputc('\n', stderr);
}

/* CPython's _PyObject_DebugDumpAddress(), piece by piece: stderr has no buffer, so whatever a
 * broken block lets be told is told before it ends the process. */
static void tell_block(const struct pab_debug_layer *layer, const unsigned char *p)
{
    const struct pab_debug_style *style = layer->owner->style;
    size_t size = size_of(p);
    fprintf(stderr, "Debug memory block at address p=%p:", (const void *)p);
    fprintf(stderr, " API '%c'\n", p[-WORD]);
    fprintf(stderr, "    %zu bytes originally requested\n", size);
    fprintf(stderr, "    The %d pad bytes at p-%d are ", LEADING, LEADING);
    tell_pad(p - LEADING, LEADING, style->forbidden, "p");
    const unsigned char *tail = p + size;
    fprintf(stderr, "    The %d pad bytes at tail=%p are ", WORD, (const void *)tail);
    tell_pad(tail, WORD, style->forbidden, "tail");
    if (style->has_serial) {
        fprintf(stderr, "    The block was made by call #%zu to debug malloc/realloc.\n",
                (size_t)read_word(tail + WORD));
    }
    tell_data(p, size);
    fputs("\nEnable tracemalloc to get the memory block allocation traceback\n\n", stderr);
}

/* `why` NULL: the letter is wrong. Up to 3.8 CPython made a string of it first, which a letter of
 * 0 cuts short. */
_Noreturn static void die(const struct pab_debug_layer *layer, const unsigned char *p,
                          const char *function, const char *why)
{
    tell_block(layer, p);
    bool named = layer->owner->style->names_function;
    fprintf(stderr, "Fatal Python error: %s%s", named ? function : "", named ? ": " : "");
    char bad_letter[64];
    int length = snprintf(bad_letter, sizeof(bad_letter),
                          "bad ID: Allocated using API '%c', verified using API '%c'", p[-WORD],
                          layer->letter);
    if (why != NULL) {
        fputs(why, stderr);
    } else {
        fwrite(bad_letter, 1, named ? (size_t)length : strlen(bad_letter), stderr);
    }
    fputc('\n', stderr);
    abort();
}

static void check_block(const struct pab_debug_layer *layer, const unsigned char *p,
                        const char *function)
{
    unsigned char forbidden = layer->owner->style->forbidden;
    if (p[-WORD] != layer->letter) {
        die(layer, p, function, NULL);
    }
    if (!is_intact(p - LEADING, LEADING, forbidden)) {
        die(layer, p, function, "bad leading pad byte");
    }
    if (!is_intact(p + size_of(p), WORD, forbidden)) {
        die(layer, p, function, "bad trailing pad byte");
    }
}

/* --- the tables ----------------------------------------------------------------------------- */

static bool is_too_large(const struct pab_debug_layer *layer, size_t size)
{
    return size > (size_t)PTRDIFF_MAX - pads_bytes(layer);
}

/* `base` as the layer below gave it, or NULL. */
static unsigned char *begin_block(const struct pab_debug_layer *layer, unsigned char *base,
                                  size_t size)
{
    if (base == NULL) {
        return NULL;
    }
    write_pads(layer, base + HEAD, size, ++*layer->owner->serial);
    return base + HEAD;
}

static void *debug_malloc(void *ctx, size_t size)
{
    struct pab_debug_layer *layer = (struct pab_debug_layer *)ctx;
    if (is_too_large(layer, size)) {
        return NULL;
    }
    unsigned char *p =
        begin_block(layer, layer->inner.malloc(layer->inner.ctx, size + pads_bytes(layer)), size);
    if (p != NULL) {
        memset(p, layer->owner->style->clean, size);
    }
    return p;
}

static void *debug_calloc(void *ctx, size_t count, size_t size)
{
    struct pab_debug_layer *layer = (struct pab_debug_layer *)ctx;
    size_t total = count * size; /* fits: the caller has promised */
    if (is_too_large(layer, total)) {
        return NULL;
    }
    return begin_block(layer, layer->inner.calloc(layer->inner.ctx, 1, total + pads_bytes(layer)),
                       total);
}

static void debug_free(void *ctx, void *ptr)
{
    struct pab_debug_layer *layer = (struct pab_debug_layer *)ctx;
    if (ptr == NULL) {
        return;
    }
    unsigned char *p = ptr;
    check_block(layer, p, "_PyMem_DebugRawFree");
    memset(p - HEAD, layer->owner->style->dead, size_of(p) + pads_bytes(layer));
    layer->inner.free(layer->inner.ctx, p - HEAD);
}

/* Both ends of the old block die before it is resized, in case that it moves: whoever still reads
 * it then sees so. Too long a block keeps its middle, or every growth would cost its length. */
static void erase_ends(const struct pab_debug_layer *layer, unsigned char *p, size_t size,
                       unsigned char saved[2 * ERASED])
{
    unsigned char dead = layer->owner->style->dead;
    if (size <= 2 * (size_t)ERASED) {
        memcpy(saved, p, size);
        memset(p - HEAD, dead, size + pads_bytes(layer));
        return;
    }
    unsigned char *end = p + size - ERASED;
    memcpy(saved, p, ERASED);
    memcpy(saved + ERASED, end, ERASED);
    memset(p - HEAD, dead, HEAD + ERASED);
    memset(end, dead, ERASED + tail_bytes(layer));
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What was saved of `old_size` bytes, as far as `size` bytes have room for it. */
static void restore_ends(unsigned char *p, size_t old_size, size_t size,
                         const unsigned char saved[2 * ERASED])
{
    if (old_size <= 2 * (size_t)ERASED) {
        memcpy(p, saved, least(old_size, size));
        return;
    }
    size_t end = old_size - ERASED;
    memcpy(p, saved, least(size, ERASED));
    if (size > end) {
        memcpy(p + end, saved + ERASED, least(size - end, ERASED));
    }
}

static void *debug_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_debug_layer *layer = (struct pab_debug_layer *)ctx;
    if (ptr == NULL) {
        return debug_malloc(ctx, size);
    }
    unsigned char *p = ptr;
    check_block(layer, p, "_PyMem_DebugRawRealloc");
    if (is_too_large(layer, size)) {
        return NULL;
    }
    size_t old_size = size_of(p);
    uint64_t serial = layer->owner->style->has_serial ? read_word(p + old_size + WORD) : 0;
    unsigned char saved[2 * ERASED];
    erase_ends(layer, p, old_size, saved);
    unsigned char *base =
        layer->inner.realloc(layer->inner.ctx, p - HEAD, size + pads_bytes(layer));
    if (base == NULL) { /* as if nothing had happened */
        write_pads(layer, p, old_size, serial);
        restore_ends(p, old_size, old_size, saved);
        return NULL;
    }
    p = begin_block(layer, base, size);
    restore_ends(p, old_size, size, saved);
    if (size > old_size) {
        memset(p + old_size, layer->owner->style->clean, size - old_size);
    }
    return p;
}

static size_t debug_usable_size(void *ctx, const void *ptr)
{
    (void)ctx;
    return size_of(ptr);
}

void pab_debug_attach(struct pab_debug *debug, struct pab_heap *heap,
                      const struct pab_debug_style *style)
{
    static const unsigned char letters[PAB_DOMAIN_COUNT] = {
        [PAB_DOMAIN_RAW] = 'r', [PAB_DOMAIN_MEM] = 'm', [PAB_DOMAIN_OBJ] = 'o'};
    *debug = (struct pab_debug){.style = style, .heap = heap};
    debug->serial = &debug->own_serial;
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        struct pab_alloc below = heap->domain[i];
        debug->hidden[i] = below;
        if (below.malloc == debug_malloc) {
            const struct pab_debug_layer *hooked = (const struct pab_debug_layer *)below.ctx;
            debug->serial = hooked->owner->serial;
            below = hooked->inner;
        }
        debug->layers[i] = (struct pab_debug_layer){below, debug, letters[i]};
        heap->domain[i] = (struct pab_alloc){
            .ctx = &debug->layers[i],
            .malloc = debug_malloc,
            .calloc = debug_calloc,
            .realloc = debug_realloc,
            .free = debug_free,
            .usable_size = debug_usable_size,
        };
    }
}

void pab_debug_detach(struct pab_debug *debug)
{
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        assert(debug->heap->domain[i].ctx == &debug->layers[i]); /* else another is on top */
        debug->heap->domain[i] = debug->hidden[i];
    }
}

/* allocators/spec.h -- a backend as the user writes it. Depends on backend.h.
 *
 *   NAME[:key=value]...[+RAW]      jemalloc   pymalloc:profile=3.9:arena=256K+mimalloc
 *                                  library:./mine.so   libpython:path=/opt/libpython3.12.so
 *
 * Several are joined by commas. A spec's text, as written, is its id in results and plots; so it
 * must be UTF-8.
 *
 * Beside its own keys every backend takes the common ones: what is done around an allocator, not
 * by it. They stand with the spec's first part and hold for the whole of it:
 *
 *   pymalloc:hooks=debug:gc.threshold0=2000+jemalloc
 */
#ifndef PAB_ALLOCATORS_SPEC_H
#define PAB_ALLOCATORS_SPEC_H

#include "allocators/backend.h"

#define PAB_SPEC_MAX      256 /* bytes of one spec, with its NUL */
#define PAB_SPEC_KEYS_MAX 16

struct pab_spec_value {
    const struct pab_key *key;
    const char *text; /* within the spec's own storage */
    uint64_t number;  /* PAB_KEY_SIZE, PAB_KEY_NUMBER */
};

struct pab_spec {
    char id[PAB_SPEC_MAX];
    const struct pab_backend *backend;
    struct pab_spec_value values[PAB_SPEC_KEYS_MAX];
    size_t value_count;
    struct pab_spec *raw; /* what stands behind '+', or NULL; owned */
    char storage[PAB_SPEC_MAX];
};

/* Parses one spec; every word of it is checked here, so a bad one never starts a worker.
 * PAB_USAGE names the wrong word and the nearest right one. Free with pab_spec_destroy(). */
enum pab_status pab_spec_parse(const char *text, struct pab_spec **out, struct pab_error *err);
void pab_spec_destroy(struct pab_spec *spec);

/* The keys that every backend takes, ended by .name == NULL. A backend's own key of the same name
 * is a bug. */
const struct pab_key *pab_spec_common_keys(void);

/* The value that the spec sets for `key`, its backend's or a common one, or NULL. */
const struct pab_spec_value *pab_spec_get(const struct pab_spec *spec, const char *key);

/* True when the spec sets `key` to `word`. */
bool pab_spec_is(const struct pab_spec *spec, const char *key, const char *word);

/* The insertion level of what is compared: "object" (it serves everything), or that of the allocator
 * below a pymalloc: "raw", "mem", "arena". */
const char *pab_spec_level(const struct pab_spec *spec);

/* Whose level that is: what stands behind '+', `system` if nothing does; else the spec itself. */
const char *pab_spec_allocator(const struct pab_spec *spec);

/* "4K" -> 4096. Digits and one of K M G T; PAB_USAGE otherwise. `what` opens the sentence. */
enum pab_status pab_size_parse(const char *text, const char *what, uint64_t *out,
                               struct pab_error *err);

/* 4096 -> "4K": the way back, exact. 24 bytes are always enough. */
void pab_size_format(uint64_t bytes, char *out, size_t size);

/* The candidate nearest to `word` by edit distance, or NULL when none is near. */
const char *pab_nearest(const char *word, const char *(*candidate)(size_t index), size_t count);

#endif

#include "allocators/spec.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const struct pab_key common_keys[] = {
    {.name = "hooks",
     .summary = "CPython's debug hooks around every block, as PYTHONMALLOC=debug has them",
     .kind = PAB_KEY_CHOICE,
     .choices = "none|debug"},
    {.name = "gc",
     .summary = "whether the collector runs by itself",
     .kind = PAB_KEY_CHOICE,
     .choices = "on|off"},
    {.name = "gc.threshold0",
     .summary = "more new objects than this start a collection; 0: never",
     .kind = PAB_KEY_NUMBER,
     .max = INT_MAX},
    {.name = "gc.threshold1",
     .summary = "more collections of generation 0 than this take in generation 1",
     .kind = PAB_KEY_NUMBER,
     .max = INT_MAX},
    {.name = "gc.threshold2",
     .summary = "more collections of generation 1 than this take in generation 2",
     .kind = PAB_KEY_NUMBER,
     .max = INT_MAX},
    {.name = "slow",
     .summary = "steps of about 1 ns that every call takes more: a slowdown of known size",
     .kind = PAB_KEY_NUMBER,
     .max = INT_MAX},
    {.name = "leak",
     .summary = "of so many frees one is lost, 0: none: a leak of known size",
     .kind = PAB_KEY_NUMBER,
     .max = INT_MAX},
    {.name = NULL},
};

const struct pab_key *pab_spec_common_keys(void)
{
    return common_keys;
}

/* How many bits a unit letter shifts by: K 10, M 20, G 30, T 40; -1 when it is none. */
static int unit_shift(const char *unit)
{
    static const char letters[] = "KkMmGgTt";
    const char *letter = strchr(letters, unit[0]);
    if (unit[0] == '\0') {
        return 0;
    }
    return letter == NULL || unit[1] != '\0' ? -1 : 10 * (int)((letter - letters) / 2 + 1);
}

enum pab_status pab_size_parse(const char *text, const char *what, uint64_t *out,
                               struct pab_error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    int shift = unit_shift(end);
    if (text[0] < '0' || text[0] > '9' || errno != 0 || shift < 0 ||
        number > (UINT64_MAX >> shift)) {
        return pab_fail(err, PAB_USAGE,
                        "%s: '%s' is no number; write digits and at most one of K, M, G, T (4K)",
                        what, text);
    }
    *out = number << shift;
    return PAB_OK;
}

void pab_size_format(uint64_t bytes, char *out, size_t size)
{
    static const char units[] = {'\0', 'K', 'M', 'G', 'T'};
    size_t unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < ARRAY_COUNT(units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, size, unit == 0 ? "%llu" : "%llu%c", (unsigned long long)bytes, units[unit]);
}

/* Bytes of the longest part of `text`, from its start, that is UTF-8 as RFC 3629 has it: no
 * overlong form, no surrogate, nothing above U+10FFFF. */
static size_t utf8_prefix(const char *text)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000}; /* by bytes behind the first */
    size_t done = 0;
    while (text[done] != '\0') {
        unsigned char first = (unsigned char)text[done];
        size_t tail = first < 0x80 ? 0 : (size_t)(first >= 0xE0) + (size_t)(first >= 0xF0) + 1;
        uint32_t code = tail == 0 ? first : first & (0x3Fu >> tail);
        if ((first & 0xC0) == 0x80 || first >= 0xF8) {
            return done;
        }
        for (size_t i = 1; i <= tail; i++) {
            unsigned char next = (unsigned char)text[done + i];
            if ((next & 0xC0) != 0x80) { /* the NUL, too */
                return done;
            }
            code = code << 6 | (next & 0x3Fu);
        }
        if (code < least[tail] || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) {
            return done;
        }
        done += tail + 1;
    }
    return done;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance; words beyond 63 bytes count as far away. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    size_t row[64];
    if (a_length >= ARRAY_COUNT(row) || b_length >= ARRAY_COUNT(row)) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *pab_nearest(const char *word, const char *(*candidate)(size_t index), size_t count)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 2 + 1; /* farther away is a guess, not a typing error */
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidate(i));
        if (distance <= limit) {
            best = candidate(i);
            limit = distance == 0 ? 0 : distance - 1;
        }
    }
    return best;
}

/* The nearest of the words offered. Unlike names, keys and choices are listed in the message too,
 * and often differ in a digit alone: so only a third of the letters may be wrong, and of two that
 * are equally near neither is meant. */
struct guess {
    const char *word;
    size_t limit;
    char best[64]; /* empty: none */
};

static struct guess guess_begin(const char *word)
{
    return (struct guess){.word = word, .limit = strlen(word) / 3};
}

static void guess_offer(struct guess *guess, const char *candidate, size_t length)
{
    char text[sizeof(guess->best)];
    if (length >= sizeof(text)) {
        return;
    }
    memcpy(text, candidate, length);
    text[length] = '\0';
    size_t distance = edit_distance(guess->word, text);
    assert(distance > 0); /* else it would have been found */
    if (distance < guess->limit || (distance == guess->limit && guess->best[0] == '\0')) {
        memcpy(guess->best, text, length + 1);
        guess->limit = distance;
    } else if (distance == guess->limit) {
        guess->best[0] = '\0'; /* only a nearer one can be meant now */
        guess->limit--;
    }
}

/* Ends the guessing: " (did you mean 'hooks'?)", or nothing. `out` is at least 96 bytes. */
static const char *guess_hint(const struct guess *guess, char *out, size_t size)
{
    snprintf(out, size, guess->best[0] == '\0' ? "%s" : " (did you mean '%s'?)", guess->best);
    return out;
}

static const char *backend_name(size_t index)
{
    return pab_backend_at(index)->name;
}

/* What people call the C library's malloc. */
static bool is_system_alias(const char *name)
{
    static const char *const aliases[] = {"malloc", "glibc", "libc", "ptmalloc"};
    for (size_t i = 0; i < ARRAY_COUNT(aliases); i++) {
        if (strcmp(name, aliases[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Where the file begins in "./mine.so" and "pymalloc+./mine.so". */
static size_t file_offset(const char *name)
{
    for (size_t i = 0; i < pab_backend_count(); i++) {
        size_t length = strlen(backend_name(i));
        if (strncmp(name, backend_name(i), length) == 0 && name[length] == '+') {
            return length + 1;
        }
    }
    return 0;
}

static enum pab_status find_backend(const char *name, const struct pab_backend **out,
                                    struct pab_error *err)
{
    *out = pab_backend_find(name);
    if (*out != NULL) {
        return PAB_OK;
    }
    if (strchr(name, '/') != NULL || strstr(name, ".so") != NULL) {
        size_t offset = file_offset(name);
        return pab_fail(err, PAB_USAGE, "no backend is named '%s'; did you mean '%.*slibrary:%s'?",
                        name, (int)offset, name, name + offset);
    }
    const char *near =
        is_system_alias(name) ? "system" : pab_nearest(name, backend_name, pab_backend_count());
    if (near != NULL) {
        return pab_fail(err, PAB_USAGE, "no backend is named '%s'; did you mean '%s'?", name, near);
    }
    return pab_fail(err, PAB_USAGE,
                    "no backend is named '%s'; `pyallocbench list backends` shows all", name);
}

static const struct pab_key *find_in(const struct pab_key *keys, const char *name, size_t length)
{
    for (const struct pab_key *key = keys; key != NULL && key->name != NULL; key++) {
        if (strlen(key->name) == length && memcmp(key->name, name, length) == 0) {
            return key;
        }
    }
    return NULL;
}

static const struct pab_key *find_key(const struct pab_backend *backend, const char *name,
                                      size_t length)
{
    const struct pab_key *own = find_in(backend->keys, name, length);
    const struct pab_key *common = find_in(common_keys, name, length);
    PAB_CHECK(own == NULL || common == NULL);
    return own != NULL ? own : common;
}

/* Appends "profile, align, pool" to `out`. */
static void join_keys(const struct pab_key *keys, char *out, size_t size)
{
    size_t used = strlen(out);
    for (const struct pab_key *key = keys; key != NULL && key->name != NULL; key++) {
        int wrote = snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ", key->name);
        if (wrote < 0 || (size_t)wrote >= size - used) {
            return;
        }
        used += (size_t)wrote;
    }
}

static bool choice_has(const char *choices, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0')) {
            return length > 0;
        }
    }
    return false;
}

static enum pab_status fail_choice(const struct pab_spec_value *value, const char *what,
                                   struct pab_error *err)
{
    struct guess guess = guess_begin(value->text);
    for (const char *at = value->key->choices; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        guess_offer(&guess, at, strcspn(at, "|"));
    }
    char hint[96];
    return pab_fail(err, PAB_USAGE, "%s cannot be '%s'%s; it is one of %s", what, value->text,
                    guess_hint(&guess, hint, sizeof(hint)), value->key->choices);
}

static enum pab_status check_range(const struct pab_spec_value *value, const char *what,
                                   struct pab_error *err)
{
    const struct pab_key *key = value->key;
    if (value->number < key->min || value->number > key->max) {
        char min[24];
        char max[24];
        pab_size_format(key->min, min, sizeof(min));
        pab_size_format(key->max, max, sizeof(max));
        return pab_fail(err, PAB_USAGE, "%s=%s is outside %s..%s", what, value->text, min, max);
    }
    if (key->kind == PAB_KEY_SIZE && (value->number & (value->number - 1)) != 0) {
        return pab_fail(err, PAB_USAGE, "%s=%s: %s is not a power of two", what, value->text,
                        value->text);
    }
    return PAB_OK;
}

static enum pab_status check_value(const struct pab_backend *backend, struct pab_spec_value *value,
                                   struct pab_error *err)
{
    const struct pab_key *key = value->key;
    char what[96];
    snprintf(what, sizeof(what), "%s:%s", backend->name, key->name);
    switch (key->kind) {
    case PAB_KEY_CHOICE:
        if (!choice_has(key->choices, value->text)) {
            return fail_choice(value, what, err);
        }
        return PAB_OK;
    case PAB_KEY_PATH:
        if (value->text[0] == '\0') {
            return pab_fail(err, PAB_USAGE, "%s needs a file", what);
        }
        return PAB_OK;
    case PAB_KEY_NUMBER:
        if (pab_size_parse(value->text, what, &value->number, NULL) != PAB_OK) {
            return pab_fail(err, PAB_USAGE, "%s: '%s' is no whole number", what, value->text);
        }
        return check_range(value, what, err);
    case PAB_KEY_SIZE:
        if (pab_size_parse(value->text, what, &value->number, err) != PAB_OK) {
            return PAB_USAGE;
        }
        return check_range(value, what, err);
    }
    return PAB_OK;
}

static uint64_t clamp_to(const struct pab_key *key, uint64_t number)
{
    return number < key->min ? key->min : number > key->max ? key->max : number;
}

/* A key that stands alone: says so, with a value that would do. */
static enum pab_status fail_bare_key(const struct pab_backend *backend, const struct pab_key *key,
                                     struct pab_error *err)
{
    char example[32] = "FILE";
    if (key->kind == PAB_KEY_CHOICE) {
        snprintf(example, sizeof(example), "%.*s", (int)strcspn(key->choices, "|"), key->choices);
    } else if (key->kind == PAB_KEY_NUMBER) {
        snprintf(example, sizeof(example), "%llu", (unsigned long long)clamp_to(key, 1000));
    } else if (key->kind == PAB_KEY_SIZE) {
        pab_size_format(clamp_to(key, 4096), example, sizeof(example));
    }
    return pab_fail(err, PAB_USAGE, "%s needs a value: %s:%s=%s", key->name, backend->name,
                    key->name, example);
}

static enum pab_status fail_unknown_key(const struct pab_backend *backend, const char *name,
                                        struct pab_error *err)
{
    const struct pab_key *const lists[] = {backend->keys, common_keys};
    struct guess guess = guess_begin(name);
    char keys[256] = "";
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        join_keys(lists[i], keys, sizeof(keys));
        for (const struct pab_key *key = lists[i]; key != NULL && key->name != NULL; key++) {
            guess_offer(&guess, key->name, strlen(key->name));
        }
    }
    char hint[96];
    return pab_fail(err, PAB_USAGE, "%s has no key '%s'%s; its keys: %s", backend->name, name,
                    guess_hint(&guess, hint, sizeof(hint)), keys);
}

/* One word behind the backend's name: key=value, or the bare file of a backend that takes one. */
static enum pab_status parse_word(struct pab_spec *spec, char *word, struct pab_error *err)
{
    const struct pab_backend *backend = spec->backend;
    char *equals = strchr(word, '=');
    size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);
    const struct pab_key *key = find_key(backend, word, length);
    if (equals == NULL && key != NULL) {
        return fail_bare_key(backend, key, err);
    }
    if (equals == NULL) {
        key = find_key(backend, "path", 4);
    }
    if (key == NULL) {
        word[length] = '\0';
        return fail_unknown_key(backend, word, err);
    }
    if (pab_spec_get(spec, key->name) != NULL) {
        return pab_fail(err, PAB_USAGE, "%s: '%s' is given twice", backend->name, key->name);
    }
    PAB_CHECK(spec->value_count < PAB_SPEC_KEYS_MAX);
    struct pab_spec_value *value = &spec->values[spec->value_count++];
    value->key = key;
    value->text = equals == NULL ? word : equals + 1;
    return check_value(backend, value, err);
}

/* Where the raw part begins: a '+' that a backend's name follows ("libfoo++.so" has none). */
static char *find_raw(char *text)
{
    for (char *plus = strrchr(text, '+'); plus != NULL && plus > text;) {
        size_t length = strcspn(plus + 1, ":");
        char name[PAB_SPEC_MAX];
        memcpy(name, plus + 1, length);
        name[length] = '\0';
        if (strchr(name, '/') == NULL && strchr(name, '.') == NULL) {
            return plus;
        }
        plus = memrchr(text, '+', (size_t)(plus - text));
    }
    return NULL;
}

/* What is done around an allocator is done around the whole: behind '+' it would be lost. */
static enum pab_status refuse_common(const struct pab_spec *spec, struct pab_error *err)
{
    const struct pab_spec *raw = spec->raw;
    for (size_t i = 0; i < raw->value_count; i++) {
        const struct pab_spec_value *value = &raw->values[i];
        if (find_in(common_keys, value->key->name, strlen(value->key->name)) != NULL) {
            return pab_fail(err, PAB_USAGE, "%s=%s belongs before the '+': %s:%s=%s+%s",
                            value->key->name, value->text, spec->backend->name, value->key->name,
                            value->text, raw->backend->name);
        }
    }
    return PAB_OK;
}

static enum pab_status parse_raw(struct pab_spec *spec, const char *text, struct pab_error *err)
{
    if ((spec->backend->caps & PAB_CAP_STACKS) == 0) {
        return pab_fail(err, PAB_USAGE, "%s stands on no other allocator; write %s alone",
                        spec->backend->name, spec->backend->name);
    }
    if (pab_spec_parse(text, &spec->raw, err) != PAB_OK) {
        return PAB_USAGE;
    }
    PAB_CHECK(spec->raw != NULL);
    if ((spec->raw->backend->caps & PAB_CAP_RAW) == 0) {
        return pab_fail(err, PAB_USAGE, "%s cannot stand below %s", spec->raw->backend->name,
                        spec->backend->name);
    }
    return refuse_common(spec, err);
}

static enum pab_status parse_into(struct pab_spec *spec, struct pab_error *err)
{
    char *text = spec->storage;
    char *raw = find_raw(text);
    if (raw != NULL) {
        *raw = '\0';
    }
    char *save = NULL;
    char *name = strtok_r(text, ":", &save);
    if (name == NULL) {
        return pab_fail(err, PAB_USAGE, "a backend's name is missing in '%s'", spec->id);
    }
    enum pab_status status = find_backend(name, &spec->backend, err);
    for (char *word; status == PAB_OK && (word = strtok_r(NULL, ":", &save)) != NULL;) {
        status = parse_word(spec, word, err);
    }
    if (status == PAB_OK && raw != NULL) {
        status = parse_raw(spec, raw + 1, err);
    }
    if (status == PAB_OK && spec->backend->check_spec != NULL) {
        status = spec->backend->check_spec(spec, err);
    }
    return status;
}

enum pab_status pab_spec_parse(const char *text, struct pab_spec **out, struct pab_error *err)
{
    *out = NULL;
    size_t valid = utf8_prefix(text);
    if (text[valid] != '\0') {
        return pab_fail(err, PAB_USAGE, "a backend spec is not UTF-8 behind '%.*s'", (int)valid,
                        text);
    }
    if (valid >= PAB_SPEC_MAX) {
        return pab_fail(err, PAB_USAGE, "a backend spec is longer than %d bytes: '%.40s...'",
                        PAB_SPEC_MAX - 1, text);
    }
    struct pab_spec *spec = calloc(1, sizeof(*spec));
    if (spec == NULL) {
        return pab_fail(err, PAB_NO_MEMORY, "no memory for a backend spec");
    }
    memcpy(spec->id, text, valid + 1);
    memcpy(spec->storage, text, valid + 1);
    enum pab_status status = parse_into(spec, err);
    if (status != PAB_OK) {
        pab_spec_destroy(spec);
        return status;
    }
    *out = spec;
    return PAB_OK;
}

void pab_spec_destroy(struct pab_spec *spec)
{
    if (spec != NULL) {
        pab_spec_destroy(spec->raw);
        free(spec);
    }
}

const struct pab_spec_value *pab_spec_get(const struct pab_spec *spec, const char *key)
{
    for (size_t i = 0; i < spec->value_count; i++) {
        if (strcmp(spec->values[i].key->name, key) == 0) {
            return &spec->values[i];
        }
    }
    return NULL;
}

bool pab_spec_is(const struct pab_spec *spec, const char *key, const char *word)
{
    const struct pab_spec_value *value = pab_spec_get(spec, key);
    return value != NULL && strcmp(value->text, word) == 0;
}

const char *pab_spec_level(const struct pab_spec *spec)
{
    const struct pab_spec_value *level = pab_spec_get(spec, "level");
    if ((spec->backend->caps & PAB_CAP_STACKS) == 0) {
        return "object";
    }
    return level == NULL ? "raw" : level->text;
}

const char *pab_spec_allocator(const struct pab_spec *spec)
{
    if ((spec->backend->caps & PAB_CAP_STACKS) == 0) {
        return spec->id;
    }
    return spec->raw == NULL ? "system" : spec->raw->id;
}

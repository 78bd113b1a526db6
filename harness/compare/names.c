#include "harness/compare/names.h"

#include "allocators/status.h"

#include <string.h>

#define FIRST_SLOTS 64u /* a power of two */

void pab_names_fini(struct pab_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->texts[i]);
    }
    free(names->texts);
    free(names->slots);
    *names = (struct pab_names){0};
}

/* FNV-1a */
static uint64_t hash_of(const char *text, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    }
    return hash ^ (hash >> 32);
}

static size_t slot_of(const struct pab_names *names, const char *text, size_t length)
{
    size_t mask = names->slot_count - 1;
    size_t at = hash_of(text, length) & mask;
    while (names->slots[at] != 0) {
        const char *known = names->texts[names->slots[at] - 1];
        if (strncmp(known, text, length) == 0 && known[length] == '\0') {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

/* At most half of the slots are in use. */
static void make_room(struct pab_names *names)
{
    if (2 * (names->count + 1) <= names->slot_count) {
        return;
    }
    size_t slots = names->slot_count == 0 ? FIRST_SLOTS : 2 * names->slot_count;
    free(names->slots);
    names->slots = calloc(slots, sizeof(*names->slots));
    names->texts = realloc(names->texts, slots / 2 * sizeof(*names->texts));
    PAB_CHECK(names->slots != NULL && names->texts != NULL);
    names->slot_count = slots;
    for (size_t i = 0; i < names->count; i++) {
        names->slots[slot_of(names, names->texts[i], strlen(names->texts[i]))] = (uint32_t)i + 1;
    }
}

uint32_t pab_names_add(struct pab_names *names, const char *text, size_t length)
{
    make_room(names);
    size_t slot = slot_of(names, text, length);
    if (names->slots[slot] == 0) {
        names->texts[names->count] = strndup(text, length);
        PAB_CHECK(names->texts[names->count] != NULL);
        names->slots[slot] = (uint32_t)++names->count;
    }
    return names->slots[slot] - 1;
}

uint32_t pab_names_find(const struct pab_names *names, const char *text)
{
    size_t slot = names->count == 0 ? 0 : slot_of(names, text, strlen(text));
    uint32_t found = names->count == 0 ? 0 : names->slots[slot];
    return found == 0 ? (uint32_t)names->count : found - 1;
}

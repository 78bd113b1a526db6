/* harness/recorder/addresses.h -- the blocks that are alive in a recorded process: from addresses to the
 * slots that its trace names them by. Depends on libc alone.
 *
 * Addresses that are in use lie close together, so they are looked up as a page table does it: 64
 * KiB of addresses share an array with a place for every 8 bytes, and these arrays are found by a
 * hash. A program that works on neighbouring blocks makes neighbouring look-ups. A copy, as a fork
 * needs it, shares the arrays until one side changes them.
 */
#ifndef PAB_HARNESS_RECORDER_NAMES_H
#define PAB_HARNESS_RECORDER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAB_ADDRESSES_GRAIN  8u     /* two live blocks lie so far apart, at least */
#define PAB_ADDRESSES_REGION 65536u /* addresses that share an array */

struct pab_addresses_leaf; /* slots by address */
struct pab_addresses_page; /* sizes and domains by slot */

struct pab_addresses_place {
    uint64_t key; /* address / PAB_ADDRESSES_REGION + 1; 0: empty */
    struct pab_addresses_leaf *leaf;
};

struct pab_addresses {
    struct pab_addresses_place *places;
    size_t capacity, used; /* capacity: a power of two */
    struct pab_addresses_page **pages;
    size_t page_count;
    uint64_t live;
};

struct pab_named {
    uint64_t size;
    uint32_t slot;
    uint8_t domain;
};

/* All of them: false where the system gives no memory. */

bool pab_addresses_init(struct pab_addresses *names);
/* The address has no block yet. */
bool pab_addresses_add(struct pab_addresses *names, uint64_t address,
                       const struct pab_named *block);
bool pab_addresses_copy(const struct pab_addresses *from, struct pab_addresses *to);

/* Takes the block out, all but its size; false: none is known there. */
bool pab_addresses_take(struct pab_addresses *names, uint64_t address, struct pab_named *out);

/* The size that the block of this slot was last added with. */
uint64_t pab_addresses_size(const struct pab_addresses *names, uint32_t slot);
/* This address will be looked up soon. */
void pab_addresses_expect(const struct pab_addresses *names, uint64_t address);

/* Every block once, by rising address; the visitor gives it a new slot. False: it stopped, or there
 * is no memory; then the names are of no more use. */
typedef bool (*pab_addresses_visit)(void *arg, struct pab_named *block);
bool pab_addresses_renumber(struct pab_addresses *names, pab_addresses_visit visit, void *arg);

void pab_addresses_fini(struct pab_addresses *names);

#endif

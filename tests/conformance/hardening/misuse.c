#include "tests/conformance/hardening/misuse.h"

#include "tests/conformance/support/case.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/process.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LATER       4096 /* blocks that are taken after the misuse */
#define LIVE        (LATER + PAB_BYSTANDERS + 1)
#define TIMEOUT_MS  1000
#define EDGE        64 /* of a block longer than two pages, so much of each end is written */
#define LONG_BYTES  8192
#define DETECT_SIZE 48

static const char *const names[PAB_OUTCOME_COUNT] = {
    "DIAG", "TRAP", "LATE", "NEUTRAL", "SILENT", "ALIAS", "HANG", "-",
};

const char *pab_outcome_name(enum pab_outcome_kind kind)
{
    return names[kind];
}

struct block {
    unsigned char *start;
    size_t bytes;
    uint64_t key;
};

/* What the forked process shares with the check: how far it came. */
struct stage {
    volatile bool is_committed;
};

struct attempt {
    struct pab_scene scene;
    pab_misuse misuse;
    struct stage *stage;
    struct block *live; /* bystanders, then what came later */
    size_t live_count;
};

/* --- blocks that are in use ------------------------------------------------------------------- */

static void fill(const struct block *block)
{
    if (block->bytes <= LONG_BYTES) {
        pab_pattern_fill(block->start, 0, block->bytes, block->key);
        return;
    }
    pab_pattern_fill(block->start, 0, EDGE, block->key);
    pab_pattern_fill(block->start, block->bytes - EDGE, block->bytes, block->key);
}

static bool holds(const struct block *block)
{
    if (block->bytes <= LONG_BYTES) {
        return pab_pattern_holds(block->start, 0, block->bytes, block->key, NULL);
    }
    return pab_pattern_holds(block->start, 0, EDGE, block->key, NULL) &&
           pab_pattern_holds(block->start, block->bytes - EDGE, block->bytes, block->key, NULL);
}

static void add_live(struct attempt *attempt, void *start, size_t bytes)
{
    struct block *block = &attempt->live[attempt->live_count];
    *block = (struct block){start, bytes, pab_pattern_key(attempt->live_count, 1)};
    attempt->live_count++;
}

/* By address; a shell sort, since the C library's may take memory. */
static void sort(struct block *blocks, size_t count)
{
    for (size_t gap = 1750; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (size_t i = gap; i < count; i++) {
            struct block moved = blocks[i];
            size_t at = i;
            for (; at >= gap && blocks[at - gap].start > moved.start; at -= gap) {
                blocks[at] = blocks[at - gap];
            }
            blocks[at] = moved;
        }
    }
}

static bool any_overlap(struct block *blocks, size_t count)
{
    sort(blocks, count);
    for (size_t i = 1; i < count; i++) {
        if ((size_t)(blocks[i].start - blocks[i - 1].start) < blocks[i - 1].bytes) {
            return true;
        }
    }
    return false;
}

/* --- in the process of its own ---------------------------------------------------------------- */

static bool set_up(struct attempt *attempt)
{
    struct pab_scene *scene = &attempt->scene;
    for (size_t i = 0; i < PAB_BYSTANDERS; i++) {
        if (i == PAB_BYSTANDERS / 2) {
            scene->victim = pab_subject_malloc(scene->subject, scene->size);
        }
        scene->bystanders[i] = pab_subject_malloc(scene->subject, scene->size);
        if (scene->bystanders[i] == NULL) {
            return false;
        }
        add_live(attempt, scene->bystanders[i], scene->size);
        fill(&attempt->live[i]);
    }
    if (scene->victim != NULL) {
        memset(scene->victim, 0x5a, scene->size);
    }
    return scene->victim != NULL;
}

/* Serves others, looks at everybody, gives everything back. What is served is not written to before
 * all of it was looked at: a block that two got would else be the end of the process, not ALIAS. */
static enum pab_outcome_kind aftermath(struct attempt *attempt, enum pab_outcome_kind seen)
{
    const struct pab_subject *subject = attempt->scene.subject;
    for (size_t i = 0; i < PAB_BYSTANDERS; i++) {
        seen = holds(&attempt->live[i]) ? seen : PAB_OUTCOME_SILENT;
    }
    for (size_t i = 0; i < LATER; i++) {
        void *block = pab_subject_malloc(subject, attempt->scene.size);
        if (block == NULL) {
            break;
        }
        add_live(attempt, block, attempt->scene.size);
    }
    if (attempt->scene.gained != NULL) {
        add_live(attempt, attempt->scene.gained, attempt->scene.gained_bytes);
    }
    if (any_overlap(attempt->live, attempt->live_count)) {
        return PAB_OUTCOME_ALIAS;
    }
    for (size_t i = 0; i < attempt->live_count; i++) {
        fill(&attempt->live[i]);
    }
    for (size_t i = 0; i < attempt->live_count; i++) {
        seen = holds(&attempt->live[i]) ? seen : PAB_OUTCOME_SILENT;
        pab_subject_free(subject, attempt->live[i].start);
    }
    return seen;
}

static int live_through(void *arg)
{
    struct attempt *attempt = arg;
    if (!set_up(attempt)) {
        return PAB_OUTCOME_NONE;
    }
    enum pab_outcome_kind seen = attempt->misuse(&attempt->scene);
    attempt->stage->is_committed = true;
    if (seen != PAB_OUTCOME_NONE) {
        seen = aftermath(attempt, seen);
    }
    return (int)seen;
}

/* --- in the check --------------------------------------------------------------------------- */

static enum pab_outcome_kind classify(const struct pab_case *done, const struct stage *stage)
{
    switch (done->end) {
    case PAB_CASE_RETURNED:
        return (enum pab_outcome_kind)done->value;
    case PAB_CASE_HUNG:
        return PAB_OUTCOME_HANG;
    case PAB_CASE_DIED:
    case PAB_CASE_EXITED:
        if (stage->is_committed) {
            return PAB_OUTCOME_LATE;
        }
        return done->text[0] != '\0' ? PAB_OUTCOME_DIAG : PAB_OUTCOME_TRAP;
    default:
        return PAB_OUTCOME_NONE;
    }
}

enum pab_outcome_kind pab_misuse_try(const struct pab_subject *subject, size_t size,
                                     pab_misuse misuse, char *said, size_t said_size)
{
    static struct attempt attempt;
    struct stage *stage = attempt.stage;
    struct block *live = attempt.live;
    if (stage == NULL) {
        stage = pab_case_shared(sizeof(*stage));
        live = pab_process_pages(LIVE * sizeof(*live));
    }
    PAB_CHECK(stage != NULL);
    attempt = (struct attempt){
        .scene = {.subject = subject, .size = size},
        .misuse = misuse,
        .stage = stage,
        .live = live,
    };
    stage->is_committed = false;
    struct pab_case done;
    pab_case_run(live_through, &attempt, TIMEOUT_MS, &done);
    snprintf(said, said_size, "%.*s", (int)strcspn(done.text, "\n"), done.text);
    return classify(&done, stage);
}

/* --- outcomes that are known ----------------------------------------------------------------- */

static enum pab_outcome_kind end_with_a_word(struct pab_scene *scene)
{
    (void)scene;
    dprintf(STDERR_FILENO, "ended on purpose\n");
    raise(SIGABRT);
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind end_without(struct pab_scene *scene)
{
    (void)scene;
    raise(SIGSEGV);
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind do_nothing_wrong(struct pab_scene *scene)
{
    pab_subject_free(scene->subject, scene->victim);
    return PAB_OUTCOME_NEUTRAL;
}

/* A bystander counted twice is a block that two own. */
static enum pab_outcome_kind share_a_bystander(struct pab_scene *scene)
{
    scene->gained = scene->bystanders[0];
    scene->gained_bytes = scene->size;
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind overwrite_a_bystander(struct pab_scene *scene)
{
    scene->bystanders[1][0] ^= 1;
    return PAB_OUTCOME_NEUTRAL;
}

bool pab_misuse_detector(const struct pab_subject *subject, char *misread, size_t size)
{
    static const struct {
        pab_misuse misuse;
        enum pab_outcome_kind outcome;
    } known[] = {
        {end_with_a_word, PAB_OUTCOME_DIAG},         {end_without, PAB_OUTCOME_TRAP},
        {do_nothing_wrong, PAB_OUTCOME_NEUTRAL},     {share_a_bystander, PAB_OUTCOME_ALIAS},
        {overwrite_a_bystander, PAB_OUTCOME_SILENT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        char said[128];
        enum pab_outcome_kind seen =
            pab_misuse_try(subject, DETECT_SIZE, known[i].misuse, said, sizeof(said));
        if (seen != known[i].outcome) {
            snprintf(misread, size, "a case that must end as %s was read as %s",
                     names[known[i].outcome], names[seen]);
            return false;
        }
    }
    return true;
}

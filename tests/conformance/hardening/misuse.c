#include "tests/conformance/hardening/misuse.h"

#include "tests/conformance/support/case.h"
#include "tests/conformance/support/pattern.h"
#include "tests/conformance/support/spans.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LATER       4096 /* blocks that are taken after the misuse */
#define LIVE        (LATER + PAB_BYSTANDERS + 1)
#define TIMEOUT_MS  5000 /* five sizes that hang still end before the check has to */
#define EDGE        64   /* of a block longer than two pages, so much of each end is written */
#define LONG_BYTES  8192
#define DETECT_SIZE 48

static const char *const names[PAB_OUTCOME_COUNT] = {
    "DIAG", "TRAP", "LATE", "NEUTRAL", "SILENT", "ALIAS", "HANG", "-",
};

const char *pab_outcome_name(enum pab_outcome_kind kind)
{
    return names[kind];
}

/* What the forked process shares with the check: how far it came. */
struct stage {
    volatile bool is_committed;
};

struct attempt {
    struct pab_scene scene;
    pab_misuse misuse;
    struct stage *stage;
    struct pab_spans *live; /* bystanders, then what came later; the owner is its pattern's */
};

/* --- blocks that are in use ------------------------------------------------------------------- */

static void fill(const struct pab_span *block)
{
    unsigned char *start = (unsigned char *)block->start;
    uint64_t key = pab_pattern_key(block->owner, 1);
    size_t edge = block->bytes <= LONG_BYTES ? block->bytes : EDGE;
    pab_pattern_fill(start, 0, edge, key);
    pab_pattern_fill(start, block->bytes - edge, block->bytes, key);
}

static bool holds(const struct pab_span *block)
{
    const unsigned char *start = (const unsigned char *)block->start;
    uint64_t key = pab_pattern_key(block->owner, 1);
    size_t edge = block->bytes <= LONG_BYTES ? block->bytes : EDGE;
    return pab_pattern_holds(start, 0, edge, key, NULL) &&
           pab_pattern_holds(start, block->bytes - edge, block->bytes, key, NULL);
}

static void add_live(struct attempt *attempt, void *start, size_t bytes)
{
    pab_spans_add(attempt->live, start, bytes, attempt->live->count);
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
        fill(&attempt->live->at[i]);
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
    struct pab_spans *live = attempt->live;
    for (size_t i = 0; i < PAB_BYSTANDERS; i++) {
        seen = holds(&live->at[i]) ? seen : PAB_OUTCOME_SILENT;
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
    struct pab_span first;
    struct pab_span second;
    size_t shared;
    if (pab_spans_meet(live, &first, &second, &shared)) {
        return PAB_OUTCOME_ALIAS;
    }
    for (size_t i = 0; i < live->count; i++) {
        fill(&live->at[i]);
    }
    for (size_t i = 0; i < live->count; i++) {
        seen = holds(&live->at[i]) ? seen : PAB_OUTCOME_SILENT;
        pab_subject_free(subject, (void *)live->at[i].start);
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
    static struct stage *stage;
    static struct pab_spans live;
    if (stage == NULL) {
        stage = pab_case_shared(sizeof(*stage));
        pab_spans_init(&live, LIVE);
    }
    PAB_CHECK(stage != NULL);
    live.count = 0;
    struct attempt attempt = {
        .scene = {.subject = subject, .size = size},
        .misuse = misuse,
        .stage = stage,
        .live = &live,
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

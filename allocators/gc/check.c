/* The collector's lists seen from outside: to visit, and to check that whenever client code other
 * than traverse() runs, every list is whole and carries no flag of a collection. */
#include "allocators/gc/gc.h"

#include "allocators/gc/internal.h"

static const char *const list_names[] = {"generation 0", "generation 1", "generation 2",
                                         "permanent generation"};
static_assert(ARRAY_COUNT(list_names) == PAB_GC_GENERATIONS + 1, "one name for each list");

static enum pab_status broken(struct pab_error *err, const char *list, size_t position,
                              const char *rule)
{
    return pab_fail(err, PAB_BAD_DATA, "gc: %s, object %zu: %s", list, position, rule);
}

/* NULL, or the rule that the link from `head` to its successor breaks. */
static const char *link_rule_broken(const struct pab_gc_head *head)
{
    if (head->next == 0) {
        return "its next word says untracked";
    }
    if ((head->next & NEXT_UNREACHABLE) != 0) {
        return "still marked unreachable outside of a deduction";
    }
    if (head->next % _Alignof(struct pab_gc_head) != 0) {
        return "its next word is not an address";
    }
    if (head_prev(head_next(head)) != head) {
        return "its successor does not link back to it";
    }
    return NULL;
}

static const char *member_rule_broken(struct pab_gc_head *head)
{
    if ((head->prev & PREV_COLLECTING) != 0) {
        return "still marked as being collected";
    }
    const struct pab_object *object = head_object(head);
    if (object->type == NULL) {
        return "it has no type";
    }
    if ((object->type->flags & PAB_TYPE_GC) == 0 || object->type->traverse == NULL) {
        return "its type cannot be traversed";
    }
    if (object->refcnt <= 0) {
        return "tracked with no reference to it";
    }
    return NULL;
}

/* That each link is answered by one link back also proves that the walk ends and that nothing is
 * tracked twice: a second way into an object would need a second prev. */
static enum pab_status check_list(const struct pab_gc_head *list, const char *name,
                                  struct pab_error *err)
{
    const char *rule = link_rule_broken(list);
    if (rule != NULL) {
        return broken(err, name, 0, rule);
    }
    size_t position = 1;
    for (struct pab_gc_head *head = head_next(list); head != list; head = head_next(head)) {
        rule = link_rule_broken(head);
        if (rule == NULL) {
            rule = member_rule_broken(head);
        }
        if (rule != NULL) {
            return broken(err, name, position, rule);
        }
        position++;
    }
    return PAB_OK;
}

enum pab_status pab_gc_check(const struct pab_gc *gc, struct pab_error *err)
{
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        if (gc->generations[i].count < 0) {
            return pab_fail(err, PAB_BAD_DATA, "gc: %s counts below zero", list_names[i]);
        }
        enum pab_status status = check_list(&gc->generations[i].head, list_names[i], err);
        if (status != PAB_OK) {
            return status;
        }
    }
    if (gc->long_lived_total < 0 || gc->long_lived_pending < 0) {
        return pab_fail(err, PAB_BAD_DATA, "gc: a count of survivors is below zero");
    }
    return check_list(&gc->permanent, list_names[PAB_GC_GENERATIONS], err);
}

void pab_gc_visit_list(const struct pab_gc_head *list,
                       void (*visit)(void *arg, struct pab_object *object), void *arg)
{
    for (struct pab_gc_head *head = head_next(list); head != list; head = head_next(head)) {
        visit(arg, head_object(head));
    }
}

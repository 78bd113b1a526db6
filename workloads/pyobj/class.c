/* workloads/pyobj/class.c -- classes and their instances: a values array or slots
 * (Objects/typeobject.c, Objects/dictobject.c, Objects/object.c @v3.11). */
#include "workloads/pyobj/runtime.h"

#include <string.h>

static void class_dealloc(struct pab_object *self)
{
    struct pab_class *cls = (struct pab_class *)self;
    pab_object_dead(pab_py());
    if (cls->keys != NULL) {
        pab_keys_decref(cls->keys);
        cls->keys = NULL;
    }
}

const struct pab_type pab_class_type = {.name = "type", .dealloc = class_dealloc};

static void instance_dealloc(struct pab_object *self);

/* The class that `type`, the type of an instance, is part of. */
static inline struct pab_class *class_of(const struct pab_type *type)
{
    assert(type->dealloc == instance_dealloc);
    return (struct pab_class *)(void *)((uintptr_t)type - offsetof(struct pab_class, type));
}

static inline struct pab_object **slots_of(struct pab_object *instance)
{
    return ((struct pab_slotted *)instance)->slots;
}

/* --- memory management of instances -------------------------------------------------------- */

/* Slots in their order, then values in shared-key order or the dict, then the class. */
static int instance_traverse(struct pab_object *self, pab_visit visit, void *arg)
{
    struct pab_class *cls = class_of(self->type);
    struct pab_object **fields = slots_of(self);
    size_t count = cls->slot_count;
    struct pab_object *dict = NULL;
    if (cls->keys != NULL) {
        struct pab_managed *managed = pab_managed_of(self);
        fields = managed->values;
        count = fields == NULL ? 0 : (size_t)cls->keys->entry_count;
        dict = managed->dict;
    }
    for (size_t i = 0; i < count; i++) {
        int stop = fields[i] == NULL ? 0 : visit(fields[i], arg);
        if (stop != 0) {
            return stop;
        }
    }
    int stop = dict == NULL ? 0 : visit(dict, arg);
    return stop != 0 ? stop : visit(&cls->base, arg);
}

/* Without the class, which is no GC object: no collection is about it. */
static size_t instance_spans(const struct pab_object *self, struct pab_gc_span *spans)
{
    const struct pab_class *cls = class_of(self->type);
    if (cls->keys == NULL) {
        const struct pab_slotted *slotted = (const struct pab_slotted *)self;
        spans[0] = (struct pab_gc_span){slotted->slots, cls->slot_count, 1};
        return 1;
    }
    const struct pab_managed *managed = (const struct pab_managed *)self - 1;
    size_t count = managed->values == NULL ? 0 : (size_t)cls->keys->entry_count;
    spans[0] = (struct pab_gc_span){managed->values, count, 1};
    spans[1] = (struct pab_gc_span){&managed->dict, 1, 1};
    return managed->dict == NULL ? 1 : 2;
}

/* Empties each field before it releases what was in there. */
static void clear_fields(struct pab_object **fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pab_object *old = fields[i];
        fields[i] = NULL;
        pab_xdecref(old);
    }
}

/* The values array stays, empty; a dict is let go. */
static void instance_clear(struct pab_object *self)
{
    struct pab_class *cls = class_of(self->type);
    if (cls->keys == NULL) {
        clear_fields(slots_of(self), cls->slot_count);
        return;
    }
    struct pab_managed *managed = pab_managed_of(self);
    if (managed->values != NULL) {
        *pab_values_count(managed->values) = 0;
        clear_fields(managed->values, (size_t)cls->keys->entry_count);
    }
    clear_fields(&managed->dict, 1);
}

static void release_fields(struct pab_object *self, struct pab_class *cls)
{
    if (cls->keys == NULL) {
        clear_fields(slots_of(self), cls->slot_count);
        return;
    }
    struct pab_managed *managed = pab_managed_of(self);
    if (managed->dict != NULL) {
        assert(managed->values == NULL);
        struct pab_object *dict = managed->dict;
        managed->dict = NULL;
        pab_decref(dict);
    } else if (managed->values != NULL) {
        struct pab_object **values = managed->values;
        for (pab_ssize i = 0; i < cls->keys->entry_count; i++) {
            pab_xdecref(values[i]);
        }
        managed->values = NULL;
        pab_values_free(values);
    }
}

/* The finalizer sees a tracked object, at the end of generation 0; so does what it resurrects.
 * True: that happened. */
static bool finalize(struct pab_py *py, struct pab_object *self)
{
    pab_gc_track(&py->gc, self);
    if (pab_gc_finalize_from_dealloc(self)) {
        return true;
    }
    pab_gc_untrack(self);
    return false;
}

/* The trashcan comes before the finalizer, so that a chain's finalizers keep their order. */
static void instance_dealloc(struct pab_object *self)
{
    struct pab_py *py = pab_py();
    struct pab_class *cls = class_of(self->type);
    pab_gc_untrack(self);
    if (!pab_trash_begin(py, self)) {
        return;
    }
    if (cls->type.finalize == NULL || !finalize(py, self)) {
        if (cls->keys != NULL && ((struct pab_instance *)self)->weak_references != NULL) {
            pab_weakrefs_clear(self);
        }
        release_fields(self, cls);
        pab_object_dead(py);
        pab_gc_free(&py->gc, self, cls->type.presize);
        pab_decref(&cls->base);
    }
    pab_trash_end(py);
}

/* --- classes ------------------------------------------------------------------------------- */

static void class_add_slot(struct pab_class *cls, const char *name)
{
    PAB_CHECK(cls->slot_count < PAB_SLOT_MAX);
    size_t place = cls->slot_count++;
    while (place > 0 && strcmp(cls->slots[place - 1].name, name) > 0) {
        cls->slots[place] = cls->slots[place - 1];
        place--;
    }
    size_t length = strlen(name);
    cls->slots[place] = (struct pab_slot){name, pab_hash_bytes(name, length), length};
}

static struct pab_class *class_place(struct pab_py *py)
{
    size_t i = 0;
    while (i < PAB_CLASS_MAX && py->classes[i].base.refcnt != 0) {
        i++;
    }
    PAB_CHECK(i < PAB_CLASS_MAX);
    return &py->classes[i];
}

struct pab_object *pab_class_new(const char *name, const char *const *slots,
                                 pab_finalizer finalizer)
{
    struct pab_py *py = pab_py();
    struct pab_class *cls = class_place(py);
    cls->type = (struct pab_type){
        .name = name,
        .flags = PAB_TYPE_GC,
        .presize = slots == NULL ? 2 * sizeof(void *) : 0,
        .weaklist_offset = slots == NULL ? offsetof(struct pab_instance, weak_references) : 0,
        .dealloc = instance_dealloc,
        .traverse = instance_traverse,
        .spans = instance_spans,
        .clear = instance_clear,
        .finalize = finalizer,
    };
    cls->slot_count = 0;
    cls->keys = NULL;
    if (slots == NULL) {
        cls->keys = pab_keys_new_shared();
        if (cls->keys == NULL) {
            return NULL;
        }
    } else {
        for (; *slots != NULL; slots++) {
            class_add_slot(cls, *slots);
        }
    }
    pab_object_born(py, &cls->base, &pab_class_type);
    return &cls->base;
}

/* Each new instance takes one name off the estimate of how many there will be, so that the
 * arrays shrink until they fit the class. */
static int instance_init_values(struct pab_object *self, struct pab_class *cls)
{
    if (cls->keys->usable > 1) {
        cls->keys->usable--;
    }
    struct pab_object **values = pab_values_new(pab_keys_shared_length(cls->keys));
    pab_managed_of(self)->values = values;
    return values == NULL ? -1 : 0;
}

struct pab_object *pab_instance_new(struct pab_object *class_object)
{
    assert(class_object->type == &pab_class_type);
    struct pab_py *py = pab_py();
    struct pab_class *cls = (struct pab_class *)class_object;
    size_t size = cls->keys != NULL
                      ? sizeof(struct pab_instance)
                      : sizeof(struct pab_slotted) + cls->slot_count * sizeof(struct pab_object *);
    struct pab_object *self = pab_gc_malloc(&py->gc, cls->type.presize, size);
    if (self == NULL) {
        return NULL;
    }
    memset(self, 0, size);
    pab_object_born(py, self, &cls->type);
    pab_incref(class_object);
    pab_gc_track(&py->gc, self);
    if (cls->keys != NULL && instance_init_values(self, cls) != 0) {
        pab_decref(self);
        return NULL;
    }
    return self;
}

/* --- attributes ---------------------------------------------------------------------------- */

/* The field of slot `name`; NULL when there is none. */
static struct pab_object **find_slot(struct pab_object *self, struct pab_class *cls,
                                     struct pab_unicode *name)
{
    int64_t hash = pab_unicode_hash(name);
    for (size_t i = 0; i < cls->slot_count; i++) {
        const struct pab_slot *slot = &cls->slots[i];
        if (slot->hash == hash && (size_t)name->length == slot->length && name->ascii &&
            memcmp(pab_unicode_chars(name), slot->name, slot->length) == 0) {
            return &slots_of(self)[i];
        }
    }
    return NULL;
}

static int set_slot(struct pab_object **field, struct pab_object *value)
{
    assert(field != NULL);
    struct pab_object *old = *field;
    if (value == NULL && old == NULL) {
        return -1;
    }
    *field = value == NULL ? NULL : pab_new_ref(value);
    pab_xdecref(old);
    return 0;
}

/* Neither values nor a dict: the instance could not be completed, and its finalizer runs. */
static int set_in_dict(struct pab_managed *managed, struct pab_object *name,
                       struct pab_object *value)
{
    struct pab_object *dict = managed->dict;
    if (dict == NULL) {
        dict = managed->dict = pab_dict_new();
        if (dict == NULL) {
            return -1;
        }
    }
    return value == NULL ? pab_dict_del_item(dict, name) : pab_dict_set_item(dict, name, value);
}

/* No room for one more name: the instance gets a dict that adopts its values. */
static struct pab_object *materialize(struct pab_object *self, struct pab_class *cls)
{
    struct pab_managed *managed = pab_managed_of(self);
    struct pab_object *dict = pab_dict_new_split(cls->keys, managed->values);
    if (dict != NULL) {
        managed->values = NULL;
        managed->dict = dict;
    }
    return dict;
}

static int set_value(struct pab_object *self, struct pab_object *name, struct pab_object *value)
{
    struct pab_class *cls = class_of(self->type);
    struct pab_managed *managed = pab_managed_of(self);
    struct pab_object **values = managed->values;
    pab_ssize entry = pab_keys_add_shared(cls->keys, name);
    if (entry == PAB_INDEX_EMPTY) { /* even to delete what is not there */
        return materialize(self, cls) == NULL ? -1 : set_in_dict(managed, name, value);
    }
    struct pab_object *old = values[entry];
    if (old == NULL) {
        if (value == NULL) {
            return -1;
        }
        pab_values_add_order(values, entry);
    } else if (value == NULL) {
        pab_values_delete_order(values, entry);
    }
    values[entry] = value == NULL ? NULL : pab_new_ref(value);
    pab_xdecref(old);
    return 0;
}

int pab_object_set_attr(struct pab_object *object, struct pab_object *name,
                        struct pab_object *value)
{
    struct pab_class *cls = class_of(object->type);
    assert(pab_is_unicode(name));
    if (cls->keys == NULL) {
        return set_slot(find_slot(object, cls, (struct pab_unicode *)name), value);
    }
    struct pab_managed *managed = pab_managed_of(object);
    return managed->values != NULL ? set_value(object, name, value)
                                   : set_in_dict(managed, name, value);
}

struct pab_object *pab_object_get_attr(struct pab_object *object, struct pab_object *name)
{
    struct pab_class *cls = class_of(object->type);
    struct pab_object *value = NULL;
    assert(pab_is_unicode(name));
    if (cls->keys == NULL) {
        struct pab_object **field = find_slot(object, cls, (struct pab_unicode *)name);
        value = field == NULL ? NULL : *field;
    } else if (pab_managed_of(object)->values != NULL) {
        int64_t hash = pab_unicode_hash((struct pab_unicode *)name);
        pab_ssize entry = pab_keys_find_str(cls->keys, name, hash);
        value = entry < 0 ? NULL : pab_managed_of(object)->values[entry];
    } else if (pab_managed_of(object)->dict != NULL) {
        value = pab_dict_get_item(pab_managed_of(object)->dict, name);
    }
    return value == NULL ? NULL : pab_new_ref(value);
}

struct pab_object *pab_object_dict(struct pab_object *object)
{
    struct pab_class *cls = class_of(object->type);
    assert(cls->keys != NULL);
    struct pab_managed *managed = pab_managed_of(object);
    struct pab_object *dict = managed->dict;
    if (dict == NULL) {
        dict =
            managed->values != NULL ? materialize(object, cls) : (managed->dict = pab_dict_new());
    }
    return dict == NULL ? NULL : pab_new_ref(dict);
}

/* workloads/server.c -- a server that answers requests: caches and sessions live, the rest is
 * garbage.
 *
 * Three ages of memory side by side, and a pool that holds one of the old among many of the young
 * is not given back:
 *
 *   a cache of answers as functools.lru_cache keeps them: a dict of links, each of 56 bytes in the
 *     obj domain, least recently used first to go (CPython 3.11, Modules/_functoolsmodule.c). It
 *     holds `live` answers, and lives as long as the server;
 *   sessions: dicts that live for some hundred requests;
 *   what a request takes: its line cut into words, a dict of headers, an object with attributes,
 *     pieces of the answer and the answer itself; dead when it is sent. One in fifty ends in an
 *     error that holds itself in a cycle, and waits for the collector.
 *
 * Pages are asked for by Zipf's law: few very often, most hardly ever.
 *
 * An operation is one dict entry, attribute or piece of text that a request makes or looks up.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/support/zipf.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, SESSIONS, PAGES, FAILING };

static const struct pab_param server_params[] = {
    {"live", "answers in the cache, at most", "answers", 300, 20000, 4, 10000000},
    {"steps", "requests answered in the steady phase", "requests", 600, 20000, 16, 100000000},
    {"sessions", "sessions at a time", "sessions", 300, 48000, 4, 10000000},
    {"pages", "pages that can be asked for", "pages", 2000, 100000, 16, 10000000},
    {"failing", "share of requests that end in an error", "1/1000", 20, 0, 0, 1000},
    {0},
};

/* The cache's link: a member of a ring that begins and ends at the root. */
struct link {
    struct pab_object base;
    struct link *previous, *next; /* newest before the root */
    struct pab_object *key, *answer;
};
static_assert(sizeof(struct link) + 8 == 56, "lru_list_elem without its hash");

enum { LINK_BYTES = 56, HEADERS = 8, PIECES = 12 };

enum name { NAME_PATH, NAME_HEADERS, NAME_SESSION, NAME_BODY, NAME_STATUS, NAME_COUNT };

struct server {
    struct pab_program py;
    struct pab_zipf zipf;
    /* Reset at the start of each body: */
    const struct pab_extension_type *link_type;
    struct link root;         /* of the ring, not an object of its own */
    struct pab_object *cache; /* path -> link */
    struct pab_object *sessions;
    struct pab_object *request_class, *error_class;
    struct pab_object *names[NAME_COUNT], *header_names[HEADERS];
    uint64_t requests, hits;
};

static uint32_t below(struct server *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct server *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* f"{what}{number}" */
static struct pab_object *format(const char *what, uint64_t number)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "%s%llu", what, (unsigned long long)number);
    return pab_must(pab_unicode_from_ascii(text, length));
}

/* --- the cache ------------------------------------------------------------------------------- */

static void link_drop(struct pab_object *self)
{
    struct link *link = (struct link *)self;
    pab_xdecref(link->key);
    pab_xdecref(link->answer);
}

static const struct pab_extension link_extension = {
    .name = "functools._lru_list_elem", .size = LINK_BYTES, .drop = link_drop};

static void link_take_out(struct link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
}

static void link_put_last(struct server *w, struct link *link)
{
    link->previous = w->root.previous;
    link->next = &w->root;
    link->previous->next = link;
    w->root.previous = link;
}

/* The oldest goes; its link serves the new answer, as in bounded_lru_cache_wrapper(). */
static struct link *link_oldest(struct server *w)
{
    struct link *link = w->root.next;
    link_take_out(link);
    struct pab_object *key = link->key;
    struct pab_object *answer = link->answer;
    struct pab_object *popped = pab_must(pab_dict_pop(w->cache, key));
    pab_decref(popped);
    link->key = NULL;
    link->answer = NULL;
    pab_decref(key);
    pab_decref(answer);
    return link;
}

/* Takes the reference to the answer. */
static void cache_store(struct server *w, struct pab_object *key, struct pab_object *answer)
{
    bool is_full = (uint64_t)pab_dict_size(w->cache) >= w->py.params[LIVE];
    struct link *link;
    if (is_full) {
        link = (struct link *)pab_new_ref(&w->root.next->base);
        (void)link_oldest(w);
    } else {
        link = (struct link *)pab_must(pab_extension_new(w->link_type));
    }
    link->key = pab_new_ref(key);
    link->answer = answer;
    pab_must_do(pab_dict_set_item(w->cache, key, &link->base));
    pab_decref(&link->base); /* the dict's is the one that holds it */
    link_put_last(w, link);
    w->py.ops++;
}

/* Borrowed, or NULL. */
static struct pab_object *cache_find(struct server *w, struct pab_object *key)
{
    struct link *link = (struct link *)pab_dict_get_item(w->cache, key);
    w->py.ops++;
    if (link == NULL) {
        return NULL;
    }
    link_take_out(link);
    link_put_last(w, link);
    w->hits++;
    return link->answer;
}

/* --- a request: each acts out the Python code above it ---------------------------------------- */

/* method, path, version = line.split(" "); the line and what is not needed goes */
static struct pab_object *read_path(struct server *w)
{
    char text[96];
    uint32_t page = pab_zipf_draw(&w->zipf, &w->py.rng);
    int length = snprintf(text, sizeof(text), "GET /section%u/page%u HTTP/1.1", page % 37, page);
    struct pab_object *line = pab_must(pab_unicode_from_ascii(text, length));
    struct pab_object *words = pab_must(pab_unicode_split(line, ' '));
    struct pab_object *path = pab_new_ref(pab_list_get_item(words, 1));
    pab_decref(line);
    pab_decref(words);
    w->py.ops += 4;
    return path;
}

/* headers = {}; for name in ...: headers[name] = value */
static struct pab_object *read_headers(struct server *w)
{
    struct pab_object *headers = pab_must(pab_dict_new());
    uint32_t count = 3 + below(w, HEADERS - 2);
    for (uint32_t i = 0; i < count; i++) {
        struct pab_object *name = pab_new_ref(w->header_names[i]);
        pab_dict_store(headers, name, format("a value that some client sent ", below(w, 100000)));
    }
    w->py.ops += count;
    return headers;
}

static void set(struct server *w, struct pab_object *object, enum name name,
                struct pab_object *value)
{
    pab_must_do(pab_object_set_attr(object, w->names[name], value));
    w->py.ops++;
}

/* sessions[i]: every hundredth visit or so finds it expired, and makes it anew. Borrowed. */
static struct pab_object *find_session(struct server *w)
{
    uint32_t index = below(w, (uint32_t)w->py.params[SESSIONS]);
    if (pab_list_get_item(w->sessions, index) == pab_none() || below(w, 64) == 0) {
        struct pab_object *session = pab_must(pab_dict_new());
        pab_dict_store(session, format("user", 0), format("somebody", below(w, 100000)));
        pab_dict_store(session, format("since", 0), pab_int(1000 + (int64_t)w->requests));
        pab_list_set_item(w->sessions, index, session);
        w->py.ops += 3;
    }
    return pab_list_get_item(w->sessions, index);
}

/* session["visits"] = session.get("visits", 0) + 1, and now and then something in a basket */
static void visit(struct server *w, struct pab_object *session)
{
    struct pab_object *key = pab_name("visits");
    struct pab_object *seen = pab_dict_get_item(session, key);
    int64_t visits = seen == NULL ? 0 : pab_long_as_int64(seen);
    pab_dict_store(session, key, pab_int(visits + 1));
    if (below(w, 4) == 0) {
        pab_dict_store(session, format("item", below(w, 12)), format("article ", below(w, 5000)));
        w->py.ops++;
    }
    w->py.ops++;
}

/* "".join(pieces), of a template and what is filled in */
static struct pab_object *render(struct server *w, struct pab_object *path)
{
    struct pab_object *pieces = pab_must(pab_list_new(0));
    uint32_t count = PIECES + below(w, 2 * PIECES);
    for (uint32_t i = 0; i < count; i++) {
        pab_list_push(pieces, format("<p>some text as templates hold it: ", below(w, 1000000)));
        pab_must_do(pab_list_append(pieces, path));
    }
    struct pab_object *nothing = pab_must(pab_unicode_from_ascii("", 0));
    struct pab_object *answer = pab_must(pab_unicode_join(nothing, pieces));
    pab_decref(nothing);
    pab_decref(pieces);
    w->py.ops += 2 * (uint64_t)count + 1;
    return answer;
}

/* except Error as error: request.status = error; error.request = request: a cycle */
static void fail(struct server *w, struct pab_object *request)
{
    struct pab_object *error = pab_must(pab_instance_new(w->error_class));
    set(w, error, NAME_BODY, request);
    set(w, request, NAME_STATUS, error);
    pab_decref(error);
}

/* answer = cached(path); socket.send(answer.encode()) */
static void answer(struct server *w, struct pab_object *path)
{
    struct pab_object *found = cache_find(w, path);
    struct pab_object *body = found == NULL ? render(w, path) : pab_new_ref(found);
    if (found == NULL) {
        cache_store(w, path, pab_new_ref(body));
    }
    struct pab_object *sent = pab_must(pab_unicode_encode(body));
    note(w, (uint64_t)pab_bytes_size(sent));
    pab_decref(sent);
    pab_decref(body);
    w->py.ops++;
}

static void handle(struct server *w)
{
    struct pab_object *request = pab_must(pab_instance_new(w->request_class));
    struct pab_object *path = read_path(w);
    set(w, request, NAME_PATH, path);
    struct pab_object *headers = read_headers(w);
    set(w, request, NAME_HEADERS, headers);
    pab_decref(headers);
    struct pab_object *session = find_session(w);
    set(w, request, NAME_SESSION, session);
    visit(w, session);
    if (below(w, 1000) < w->py.params[FAILING]) {
        fail(w, request);
    } else {
        answer(w, path);
    }
    pab_decref(path);
    pab_decref(request);
    w->requests++;
}

/* --- the phases ------------------------------------------------------------------------------ */

static void start(struct server *w)
{
    static const char *const names[NAME_COUNT] = {"path", "headers", "session", "body", "status"};
    static const char *const header_names[HEADERS] = {"Host",    "User-Agent", "Accept", "Cookie",
                                                      "Referer", "Connection", "Origin", "DNT"};
    w->root.previous = &w->root;
    w->root.next = &w->root;
    w->link_type = pab_extension_ready(&link_extension);
    for (int i = 0; i < NAME_COUNT; i++) {
        w->names[i] = pab_name(names[i]);
    }
    for (int i = 0; i < HEADERS; i++) {
        w->header_names[i] = pab_name(header_names[i]);
    }
    w->request_class = pab_must(pab_class_new("Request", NULL, NULL));
    w->error_class = pab_must(pab_class_new("Error", NULL, NULL));
    w->cache = pab_must(pab_dict_new());
    w->sessions = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[SESSIONS]; i++) {
        pab_must_do(pab_list_append(w->sessions, pab_none()));
    }
}

/* The server has warmed up when it has answered as many requests as its cache holds answers. */
static void warm_up(struct server *w)
{
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        struct pab_object *session = find_session(w);
        visit(w, session);
        handle(w);
    }
}

static void drain(struct server *w, uint64_t seed)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, w->py.params[SESSIONS], seed);
    uint32_t index;
    for (uint64_t left = w->py.params[SESSIONS] * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        pab_list_set_item(w->sessions, index, pab_new_ref(pab_none()));
        w->py.ops++;
    }
    note(w, w->hits);
    pab_unbind(&w->sessions);
    pab_unbind(&w->cache);
    pab_unbind(&w->request_class);
    pab_unbind(&w->error_class);
    for (int i = 0; i < HEADERS; i++) {
        pab_unbind(&w->header_names[i]);
    }
    for (int i = 0; i < NAME_COUNT; i++) {
        pab_unbind(&w->names[i]);
    }
}

static void server_body(struct pab_run *run)
{
    struct server *w = run->state;
    w->requests = 0;
    w->hits = 0;
    pab_program_begin(&w->py, run);
    start(w);
    warm_up(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        handle(w);
    }
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status server_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct server *w = pab_program_new(run, sizeof(*w));
    pab_zipf_init(&w->zipf, (uint32_t)run->params[PAGES], run->inputs);
    return PAB_OK;
}

const struct pab_workload pab_workload_server = {
    .name = "server",
    .summary = "requests against a least-recently-used cache and sessions that live on",
    .models = "A web server: answers in a cache as functools.lru_cache keeps them (CPython 3.11, "
              "Modules/_functoolsmodule.c), sessions of some hundred requests, and what each "
              "request makes and drops, now and then in a cycle. Proportions and texts are our "
              "choice, not measured.",
    .unit = "one entry, attribute or piece of text made or looked up",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = server_params,
    .setup = server_setup,
    .body = server_body,
};

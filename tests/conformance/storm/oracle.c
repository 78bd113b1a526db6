#include "tests/conformance/storm/oracle.h"

#include "allocators/libpython.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROVEN "proven are 2.7 and 3.6 to 3.15"

#if defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#else
#define OWN_MACHINE EM_X86_64
#endif

static void *symbol(const struct pab_oracle *oracle, const char *name)
{
    return dlsym(oracle->handle, name);
}

/* --- is it one? ----------------------------------------------------------------------------- */

/* Whether all that the loader would map is there: what is missing would be a SIGBUS in it. */
static bool is_whole(int fd, const Elf64_Ehdr *head)
{
    struct stat status;
    bool whole = fstat(fd, &status) == 0;
    for (unsigned i = 0; whole && i < head->e_phnum; i++) {
        Elf64_Phdr segment;
        off_t at = (off_t)(head->e_phoff + (uint64_t)i * sizeof(segment));
        whole = pread(fd, &segment, sizeof(segment), at) == (ssize_t)sizeof(segment) &&
                (segment.p_type != PT_LOAD ||
                 segment.p_offset + segment.p_filesz <= (uint64_t)status.st_size);
    }
    return whole;
}

static enum pab_status judge_elf(const char *file, int fd, struct pab_error *err)
{
    Elf64_Ehdr head;
    ssize_t got = read(fd, &head, sizeof(head));
    if (got < 0) {
        return pab_fail(err, PAB_USAGE, "oracle %s: cannot be read: %s", file, strerror(errno));
    }
    if (got < EI_NIDENT || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        return pab_fail(err, PAB_USAGE, "oracle %s: it is no ELF file; name a libpython3.X.so.1.0",
                        file);
    }
    if (got < (ssize_t)sizeof(head) || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_machine != OWN_MACHINE) {
        return pab_fail(err, PAB_USAGE,
                        "oracle %s: it was built for another architecture than this program", file);
    }
    return is_whole(fd, &head)
               ? PAB_OK
               : pab_fail(err, PAB_USAGE, "oracle %s: it is damaged: its end is missing", file);
}

/* Reads the file's head: what the loader would say of a stranger is for programmers. */
static enum pab_status expect_elf(const char *file, struct pab_error *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for a FIFO's writer */
    if (fd < 0) {
        return pab_fail(err, PAB_USAGE, "oracle %s: cannot be read: %s", file, strerror(errno));
    }
    enum pab_status status = judge_elf(file, fd, err);
    close(fd);
    return status;
}

/* A bare name is a file here, if there is one, else one in the loader's own folders. */
static enum pab_status load(struct pab_oracle *oracle, const char *file, struct pab_error *err)
{
    const char *name = file == NULL ? PAB_ORACLE_DEFAULT : file;
    bool is_bare = strchr(name, '/') == NULL;
    bool is_here = file != NULL && (!is_bare || access(file, F_OK) == 0);
    enum pab_status status = is_here ? expect_elf(file, err) : PAB_OK;
    if (status != PAB_OK) {
        return status;
    }
    int length =
        snprintf(oracle->file, sizeof(oracle->file), "%s%s", is_bare && is_here ? "./" : "", name);
    if (length < 0 || (size_t)length >= sizeof(oracle->file)) {
        return pab_fail(err, PAB_USAGE, "oracle %.40s...: the path is too long", name);
    }
    oracle->handle = dlopen(oracle->file, RTLD_NOW | RTLD_LOCAL);
    if (oracle->handle == NULL && file == NULL) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "no oracle: %s; install libpython3.11 (Debian), or name another libpython "
                        "with --oracle FILE",
                        dlerror());
    }
    if (oracle->handle == NULL) {
        return pab_fail(err, PAB_USAGE, "oracle %s: it cannot be loaded: %s", file, dlerror());
    }
    return PAB_OK;
}

static bool is_proven(long major, long minor)
{
    return (major == 2 && minor == 7) || (major == 3 && minor >= 6 && minor <= 15);
}

static enum pab_status learn_version(struct pab_oracle *oracle, struct pab_error *err)
{
    const char *(*get_version)(void) = NULL;
    *(void **)&get_version = symbol(oracle, "Py_GetVersion");
    if (get_version == NULL || symbol(oracle, "PyObject_Malloc") == NULL) {
        return pab_fail(err, PAB_USAGE, "oracle %s: it is no libpython: it exports no %s()",
                        oracle->file, get_version == NULL ? "Py_GetVersion" : "PyObject_Malloc");
    }
    const char *text = get_version();
    char *end = NULL;
    long major = strtol(text, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, &end, 10) : -1;
    if (!is_proven(major, minor)) {
        return pab_fail(err, PAB_USAGE, "oracle %s: it is CPython %.*s; " PROVEN, oracle->file,
                        (int)strcspn(text, " "), text);
    }
    if (pab_libpython_is_free_threaded(text)) {
        return pab_fail(err, PAB_USAGE,
                        "oracle %s: it is a free-threaded build: it has mimalloc in place of "
                        "pymalloc",
                        oracle->file);
    }
    if (symbol(oracle, PAB_LIBPYTHON_DEBUG_SYMBOL) != NULL) {
        return pab_fail(err, PAB_USAGE, "oracle %s: it is a debug build, whose hooks pad blocks",
                        oracle->file);
    }
    snprintf(oracle->version, sizeof(oracle->version), "%.*s", (int)strcspn(text, " "), text);
    snprintf(oracle->profile, sizeof(oracle->profile), "%ld.%ld", major, minor);
    oracle->interpreted = major == 3 && minor >= 12;
    oracle->has_arenas = major == 3;
    return PAB_OK;
}

/* --- what it is like ------------------------------------------------------------------------ */

/* In a process of its own: the distance between the first two blocks of the smallest class. */
static size_t measure_align(const struct pab_oracle *oracle)
{
    pid_t child = fork();
    if (child == 0) {
        void *(*take)(size_t) = NULL;
        *(void **)&take = symbol(oracle, "PyObject_Malloc");
        uintptr_t first = (uintptr_t)take(1);
        uintptr_t second = (uintptr_t)take(1);
        _exit(second - first == 8 || second - first == 16 ? (int)(second - first) : 0);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) ? (size_t)WEXITSTATUS(status) : 0;
}

static enum pab_status learn_align(struct pab_oracle *oracle, struct pab_error *err)
{
    oracle->align = oracle->interpreted ? 16 : measure_align(oracle);
    if (oracle->align == 0) {
        return pab_fail(err, PAB_USAGE,
                        "oracle %s: its small blocks do not come from pymalloc (CPython %s built "
                        "without it?)",
                        oracle->file, oracle->version);
    }
    return PAB_OK;
}

enum pab_status pab_oracle_open(struct pab_oracle *out, const char *file, struct pab_error *err)
{
    memset(out, 0, sizeof(*out));
    enum pab_status status = load(out, file, err);
    if (status == PAB_OK) {
        status = learn_version(out, err);
    }
    if (status == PAB_OK) {
        status = learn_align(out, err);
    }
    return status;
}

struct pab_pymalloc_geometry pab_oracle_geometry(const struct pab_oracle *oracle)
{
    const struct pab_pymalloc_profile *profile = pab_pymalloc_profile_find(oracle->profile);
    PAB_CHECK(profile != NULL);
    struct pab_pymalloc_geometry geometry = profile->geometry;
    geometry.align = oracle->align;
    return geometry;
}

/* Whether the two differ in nothing that an address could show. */
static bool same_addresses(const struct pab_pymalloc_geometry *a,
                           const struct pab_pymalloc_geometry *b)
{
    return a->align == b->align && a->threshold == b->threshold && a->pool_bytes == b->pool_bytes &&
           a->arena_bytes == b->arena_bytes && a->keep_last_arena == b->keep_last_arena &&
           a->mem_is_pymalloc == b->mem_is_pymalloc;
}

enum pab_status pab_oracle_expect_fit(const struct pab_oracle *oracle, const struct pab_spec *spec,
                                      struct pab_error *err)
{
    static const char *const own_wishes[] = {"align", "pool", "arena", "threshold", "tail"};
    for (size_t i = 0; i < ARRAY_COUNT(own_wishes); i++) {
        if (pab_spec_get(spec, own_wishes[i]) != NULL) {
            return PAB_OK;
        }
    }
    struct pab_pymalloc_geometry asked = pab_pymalloc_spec_geometry(spec);
    struct pab_pymalloc_geometry found = pab_oracle_geometry(oracle);
    if (same_addresses(&asked, &found)) {
        return PAB_OK;
    }
    const struct pab_pymalloc_profile *release = pab_pymalloc_profile_find(oracle->profile);
    char align[16] = "";
    if (release->geometry.align != oracle->align) {
        snprintf(align, sizeof(align), ":align=%zu", oracle->align);
    }
    return pab_fail(err, PAB_USAGE,
                    "%s is not what the oracle is, CPython %s with blocks aligned to %zu; "
                    "pymalloc:profile=%s%s would be",
                    spec->id, oracle->version, oracle->align, oracle->profile, align);
}

/* --- at work -------------------------------------------------------------------------------- */

enum python_domain { PYTHON_RAW, PYTHON_MEM, PYTHON_OBJ }; /* PyMemAllocatorDomain */

static struct {
    void *(*malloc)(size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
} python2;

static void *python2_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return python2.malloc(size);
}

static void *python2_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return python2.realloc(ptr, size);
}

static void python2_free(void *ctx, void *ptr)
{
    (void)ctx;
    python2.free(ptr);
}

static void start_python2(const struct pab_oracle *oracle,
                          struct pab_oracle_table own[PAB_ORACLE_DOMAINS])
{
    *(void **)&python2.malloc = symbol(oracle, "PyObject_Malloc");
    *(void **)&python2.realloc = symbol(oracle, "PyObject_Realloc");
    *(void **)&python2.free = symbol(oracle, "PyObject_Free");
    for (int domain = 0; domain < PAB_ORACLE_DOMAINS; domain++) { /* mem is libc's there */
        own[domain] = (struct pab_oracle_table){
            .malloc = python2_malloc,
            .realloc = python2_realloc,
            .free = python2_free,
        };
    }
}

static void *count_function; /* sys.getallocatedblocks, of an interpreter; 3.12 hides its own */

/* PyStatus: public, and returned by value. */
struct python_status {
    int type; /* 0: all went well */
    const char *function, *message;
    int exit_code;
};

/* Larger than PyPreConfig and PyConfig of any release: their fields are never named here. */
union python_config {
    char bytes[8192];
    max_align_t align;
};

static enum pab_status expect_started(struct python_status status, struct pab_error *err)
{
    return status.type == 0 ? PAB_OK
                            : pab_fail(err, PAB_IO, "the oracle's interpreter does not start: %s",
                                       status.message != NULL ? status.message : "no reason given");
}

/* Nothing of the user's settings, and dicts that hash alike each time: the same seed is the same
 * storm. */
static void clean_environment(void)
{
    static const char prefix[] = "PYTHON";
    for (size_t i = 0; environ[i] != NULL;) {
        char name[128];
        size_t length = strcspn(environ[i], "=");
        if (strncmp(environ[i], prefix, sizeof(prefix) - 1) == 0 && length < sizeof(name)) {
            snprintf(name, sizeof(name), "%.*s", (int)length, environ[i]);
            unsetenv(name); /* the next one moves here */
        } else {
            i++;
        }
    }
    setenv("PYTHONHASHSEED", "0", 1);
    setenv("PYTHONNOUSERSITE", "1", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
}

static enum pab_status configure(const struct pab_oracle *oracle, const char *init_name,
                                 const char *run_name, struct pab_error *err)
{
    static union python_config config;
    void (*init)(void *config) = NULL;
    struct python_status (*run)(const void *config) = NULL;
    *(void **)&init = symbol(oracle, init_name);
    *(void **)&run = symbol(oracle, run_name);
    PAB_CHECK(init != NULL && run != NULL);
    memset(&config, 0, sizeof(config));
    init(&config);
    return expect_started(run(&config), err);
}

static enum pab_status preinitialize(const struct pab_oracle *oracle, struct pab_error *err)
{
    clean_environment();
    return configure(oracle, "PyPreConfig_InitPythonConfig", "Py_PreInitialize", err);
}

static enum pab_status initialize(const struct pab_oracle *oracle, struct pab_error *err)
{
    struct sigaction interrupt;
    sigaction(SIGINT, NULL, &interrupt); /* the interpreter would only take note of it */
    enum pab_status status =
        configure(oracle, "PyConfig_InitPythonConfig", "Py_InitializeFromConfig", err);
    sigaction(SIGINT, &interrupt, NULL);
    void *(*get)(const char *name) = NULL;
    *(void **)&get = symbol(oracle, "PySys_GetObject");
    if (status == PAB_OK) {
        count_function = get("getallocatedblocks");
    }
    return status;
}

enum pab_status pab_oracle_start(const struct pab_oracle *oracle, struct pab_oracle_hooks *hooks,
                                 struct pab_oracle_table own[PAB_ORACLE_DOMAINS],
                                 struct pab_error *err)
{
    if (!oracle->has_arenas) {
        start_python2(oracle, own);
        return PAB_OK;
    }
    enum pab_status status = oracle->interpreted ? preinitialize(oracle, err) : PAB_OK;
    if (status != PAB_OK) {
        return status;
    }
    void (*set_arenas)(struct pab_oracle_arenas * arenas) = NULL;
    void (*get_table)(int domain, struct pab_oracle_table *table) = NULL;
    void (*set_table)(int domain, struct pab_oracle_table *table) = NULL;
    *(void **)&set_arenas = symbol(oracle, "PyObject_SetArenaAllocator");
    *(void **)&get_table = symbol(oracle, "PyMem_GetAllocator");
    *(void **)&set_table = symbol(oracle, "PyMem_SetAllocator");
    PAB_CHECK(set_arenas != NULL && get_table != NULL && set_table != NULL);
    set_arenas(&hooks->arenas);
    get_table(PYTHON_MEM, &own[PAB_ORACLE_MEM]);
    get_table(PYTHON_OBJ, &own[PAB_ORACLE_OBJ]);
    if (!oracle->interpreted) {
        set_table(PYTHON_RAW, &hooks->raw);
        return PAB_OK;
    }
    set_table(PYTHON_MEM, &hooks->domain[PAB_ORACLE_MEM]);
    set_table(PYTHON_OBJ, &hooks->domain[PAB_ORACLE_OBJ]);
    return initialize(oracle, err);
}

bool pab_oracle_count_blocks(const struct pab_oracle *oracle, int64_t *out)
{
    int64_t (*count)(void) = NULL;
    void *(*call)(void *function) = NULL;
    int64_t (*value)(void *object) = NULL;
    void (*release)(void *object) = NULL;
    *(void **)&count = symbol(oracle, "_Py_GetAllocatedBlocks");
    if (count != NULL) {
        *out = count();
        return true;
    }
    if (count_function == NULL) {
        return false;
    }
    /* The number is made before the int that carries it. */
    *(void **)&call = symbol(oracle, "PyObject_CallNoArgs");
    *(void **)&value = symbol(oracle, "PyLong_AsSsize_t");
    *(void **)&release = symbol(oracle, "Py_DecRef");
    void *object = call(count_function);
    *out = object == NULL ? -1 : value(object);
    release(object);
    return *out >= 0;
}

#include "harness/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#else
#define OUR_MACHINE EM_AARCH64
#endif

/* --- can it be reached ----------------------------------------------------------------------- */

/* As execvp() would find it. */
static bool find_in_path(const char *name, char *out, size_t size)
{
    if (strchr(name, '/') != NULL) {
        snprintf(out, size, "%s", name);
        return access(name, F_OK) == 0;
    }
    const char *path = getenv("PATH");
    for (const char *at = path == NULL ? "/bin:/usr/bin" : path; at != NULL;) {
        const char *colon = strchr(at, ':');
        size_t length = colon == NULL ? strlen(at) : (size_t)(colon - at);
        snprintf(out, size, "%.*s/%s", (int)length, length == 0 ? "." : at, name);
        struct stat status;
        if (access(out, X_OK) == 0 && stat(out, &status) == 0 && S_ISREG(status.st_mode)) {
            return true;
        }
        at = colon == NULL ? NULL : colon + 1;
    }
    return false;
}

/* The dynamic loader that a 64-bit program names; "": none, it is linked statically. */
static bool read_loader(int fd, const Elf64_Ehdr *head, char *out, size_t size)
{
    out[0] = '\0';
    for (unsigned i = 0; i < head->e_phnum; i++) {
        Elf64_Phdr segment;
        off_t at = (off_t)(head->e_phoff + (uint64_t)i * sizeof(segment));
        if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment)) {
            return false;
        }
        if (segment.p_type == PT_INTERP && segment.p_filesz > 0 && segment.p_filesz < size) {
            ssize_t got = pread(fd, out, segment.p_filesz, (off_t)segment.p_offset);
            out[got > 0 ? got : 0] = '\0';
            return got > 0;
        }
    }
    return true;
}

static enum pab_status check_elf(const char *path, int fd, struct pab_error *err)
{
    Elf64_Ehdr head;
    char loader[256];
    if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        return PAB_OK; /* a script: whoever it starts will be seen */
    }
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != OUR_MACHINE) {
        return pab_fail(err, PAB_UNAVAILABLE, "%s is built for another machine than this", path);
    }
    if (!read_loader(fd, &head, loader, sizeof(loader))) {
        return pab_fail(err, PAB_USAGE, "%s is a damaged program file", path);
    }
    if (loader[0] == '\0') {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "%s is linked statically: no library can be preloaded into it", path);
    }
    if (strstr(loader, "musl") != NULL) {
        return pab_fail(err, PAB_UNAVAILABLE, "%s is built for musl, the preload library for glibc",
                        path);
    }
    return PAB_OK;
}

/* Why the loader would take nothing from its environment; NULL: it does not. A set-uid bit counts
 * where it makes another user of us, and where the kernel obeys it. */
static const char *what_makes_secure(const char *path, const struct stat *status)
{
    struct statvfs where;
    bool is_obeyed = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && statvfs(path, &where) == 0 &&
                     (where.f_flag & ST_NOSUID) == 0;
    if (!is_obeyed) {
        return NULL;
    }
    if ((status->st_mode & S_ISUID) != 0 && status->st_uid != getuid()) {
        return "is set-uid";
    }
    bool is_group_run = (status->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    if (is_group_run && status->st_gid != getgid()) {
        return "is set-gid";
    }
    bool has_capabilities = getxattr(path, "security.capability", NULL, 0) > 0;
    return has_capabilities && getuid() != 0 ? "has capabilities of its own" : NULL;
}

static enum pab_status check_file(struct pab_program *program, struct pab_error *err)
{
    const char *name = program->command[0];
    char *path = program->path;
    struct stat status;
    if (!find_in_path(name, path, sizeof(program->path)) || stat(path, &status) != 0) {
        return pab_fail(err, PAB_USAGE, "there is no program '%s'", name);
    }
    if (!S_ISREG(status.st_mode) || access(path, X_OK) != 0) {
        return pab_fail(err, PAB_USAGE, "%s is no program that you may run", path);
    }
    const char *secure = what_makes_secure(path, &status);
    if (secure != NULL) {
        return pab_fail(err, PAB_UNAVAILABLE, "%s %s: such programs ignore preloading", path,
                        secure);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return PAB_OK; /* may be run but not read */
    }
    enum pab_status result = check_elf(path, fd, err);
    close(fd);
    return result;
}

static enum pab_status find_library(struct pab_program *program, struct pab_error *err)
{
    char *path = program->library_path;
    if (program->library != NULL) {
        if (realpath(program->library, path) == NULL) {
            return pab_fail(err, PAB_USAGE, "there is no preload library %s", program->library);
        }
        return PAB_OK;
    }
    char self[4000];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    snprintf(path, sizeof(program->library_path), "%s/%s.so", self, program->library_name);
    if (access(path, R_OK) != 0) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "%s.so is not beside this binary: build the target %s (a build with "
                        "sanitizers has none)",
                        program->library_name, program->library_name + strlen("lib"));
    }
    return PAB_OK;
}

enum pab_status pab_program_check(struct pab_program *program, struct pab_error *err)
{
    enum pab_status status = find_library(program, err);
    /* The loader takes blanks and colons for separators, and knows no escape. */
    if (status == PAB_OK && strpbrk(program->library_path, " :") != NULL) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "a library can be preloaded only from a path without blanks and colons, "
                        "not from %s",
                        program->library_path);
    }
    return status == PAB_OK ? check_file(program, err) : status;
}

/* --- running it ------------------------------------------------------------------------------- */

static volatile sig_atomic_t child_pid, last_signal;

/* The terminal sends to the whole group, so the program has it already. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    (void)context;
    last_signal = number == SIGUSR1 || number == SIGUSR2 ? last_signal : number;
    if (child_pid > 0 && info->si_code != SI_KERNEL) {
        (void)kill(child_pid, number);
    }
}

static const int passed_on[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

static struct sigaction before[ARRAY_COUNT(passed_on)];

static void set_dispositions(void)
{
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_RESTART | SA_SIGINFO};
    for (size_t i = 0; i < ARRAY_COUNT(passed_on); i++) {
        sigaction(passed_on[i], &action, &before[i]);
    }
}

static void reset_dispositions(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(passed_on); i++) {
        sigaction(passed_on[i], &before[i], NULL);
    }
}

/* What comes while it is not yet known whom to pass it on to, waits. */
static void block_passed_on(sigset_t *mask_before)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < ARRAY_COUNT(passed_on); i++) {
        sigaddset(&blocked, passed_on[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, mask_before);
}

/* Ours in front of those that are preloaded anyway; malloc'ed, NULL without memory. */
static char *preload_list(const struct pab_program *program)
{
    const char *others = getenv("LD_PRELOAD");
    bool alone = others == NULL || others[0] == '\0';
    char *list = NULL;
    int length =
        asprintf(&list, "%s%s%s", program->library_path, alone ? "" : ":", alone ? "" : others);
    return length < 0 ? NULL : list;
}

static void set_environment(const struct pab_program *program, const char *preload)
{
    char text[32];
    setenv("LD_PRELOAD", preload, 1);
    for (size_t i = 0; i < PAB_PROGRAM_VARIABLES_MAX && program->variables[i].name != NULL; i++) {
        const struct pab_program_variable *variable = &program->variables[i];
        if (variable->value == NULL) {
            unsetenv(variable->name);
        } else {
            setenv(variable->name, variable->value, 1);
        }
    }
    if (program->pid_variable != NULL) {
        snprintf(text, sizeof(text), "%d", (int)getpid());
        setenv(program->pid_variable, text, 1);
    }
}

static bool take_streams(const struct pab_program *program)
{
    bool good = true;
    for (int i = 0; i < (int)ARRAY_COUNT(program->streams); i++) {
        int from = program->streams[i];
        good = good && (from == 0 || dup2(from, i) == i);
    }
    if (good && program->input != NULL) {
        int from = open(program->input, O_RDONLY);
        good = from >= 0 && dup2(from, STDIN_FILENO) == STDIN_FILENO;
        if (from > STDERR_FILENO) {
            close(from);
        }
    }
    return good;
}

/* In the child: tells through the pipe, which exec closes, why there was none. */
_Noreturn static void become(const struct pab_program *program, int report_fd)
{
    char *preload = preload_list(program);
    if (preload != NULL && take_streams(program)) {
        set_environment(program, preload);
        execv(program->path, program->command);
    }
    int reason = errno;
    (void)!write(report_fd, &reason, sizeof(reason));
    _exit(127);
}

static enum pab_status await_exec(struct pab_program *program, int report_fd, struct pab_error *err)
{
    int reason = 0;
    ssize_t got = 0;
    do {
        got = read(report_fd, &reason, sizeof(reason));
    } while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof(reason)) {
        bool ended = false;
        (void)pab_program_wait(program, false, &ended, NULL);
        return pab_fail(err, PAB_USAGE, "cannot start %s: %s", program->path,
                        reason == ENOEXEC ? "it is no program, and its first line names none (#!)"
                                          : strerror(reason));
    }
    return PAB_OK;
}

enum pab_status pab_program_start(struct pab_program *program, struct pab_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return pab_fail(err, PAB_IO, "cannot make a pipe: %s", strerror(errno));
    }
    sigset_t mask_before;
    last_signal = 0;
    set_dispositions();
    (void)fflush(NULL);
    block_passed_on(&mask_before);
    program->pid = fork();
    if (program->pid == 0) {
        reset_dispositions();
        sigprocmask(SIG_SETMASK, &mask_before, NULL);
        become(program, ends[1]);
    }
    child_pid = program->pid;
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
    close(ends[1]);
    enum pab_status status = PAB_OK;
    if (program->pid < 0) {
        reset_dispositions();
        status = pab_fail(err, PAB_IO, "cannot fork: %s", strerror(errno));
    } else {
        status = await_exec(program, ends[0], err);
    }
    close(ends[0]);
    return status;
}

enum pab_status pab_program_wait(struct pab_program *program, bool only_look, bool *ended,
                                 struct pab_error *err)
{
    pid_t got = 0;
    do {
        got = wait4(program->pid, &program->wait_status, only_look ? WNOHANG : 0, &program->usage);
    } while (got < 0 && errno == EINTR);
    *ended = got != 0;
    if (got != 0) {
        child_pid = 0;
        reset_dispositions();
    }
    if (got < 0) {
        return pab_fail(err, PAB_IO, "cannot wait for %s: %s", program->path, strerror(errno));
    }
    return PAB_OK;
}

enum pab_status pab_program_run(struct pab_program *program, struct pab_error *err)
{
    bool ended = false;
    enum pab_status status = pab_program_start(program, err);
    return status == PAB_OK ? pab_program_wait(program, false, &ended, err) : status;
}

int pab_program_signal(void)
{
    return last_signal;
}

int pab_program_exit_code(const struct pab_program *program)
{
    int status = program->wait_status;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- what it is called ------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

const char *pab_program_subject(char *const *command)
{
    bool is_python = strstr(base_name(command[0]), "python") != NULL;
    for (char *const *word = command + 1; is_python && *word != NULL; word++) {
        if (strcmp(*word, "-c") == 0) {
            break;
        }
        if (strcmp(*word, "-m") == 0 && word[1] != NULL) {
            return word[1];
        }
        if ((strcmp(*word, "-X") == 0 || strcmp(*word, "-W") == 0) && word[1] != NULL) {
            word++;
        } else if ((*word)[0] != '-') {
            return base_name(*word);
        }
    }
    return base_name(command[0]);
}

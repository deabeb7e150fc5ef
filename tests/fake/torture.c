// SPDX-License-Identifier: Apache-2.0
// Runs every test again and again, each time with another allocation or call of the program failing
// (preset "torture": tests/torture.syms sends the calls of nj_* libraries here). What matters is
// not what the test says then, but that nothing crashes, that nothing leaks, and that it ends.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fts.h>
#include <netdb.h>
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    DEPTH = 48,     // of a stack; a test may wait deep in a library
    SHOWN = 16,     // innermost frames of it
    SITE_FIRST = 2, // frames of this file
    SITE_LAST = 7,  // what lies farther out makes no other place
    SEEN = 1 << 16, // a power of two
    FRESH = 4096,   // places that one test may add
    LATE_MS = 1000, // what a failure may add to a test's usual time
    LATE_TIMES = 5, // and how many times that one may last
    SURELY_MS = 15000,
    SLOW_MS = 1000, // a test of this length cannot run a hundred times
    REPORT_BYTES = 1 << 18,
    SHOWN_BYTES = 6000,
    SQLITE_NOMEM = 7, // sqlite3.h: weak functions know no types of their libraries
    SQLITE_FULL = 13,
    EXIT_TOLD = 17, // the test noticed; a sanitizer's own 1 is none of it
    EXIT_LEAKED = 23,
    EXIT_LATE = 42,
};

struct stack {
    void *frames[DEPTH];
    int count;
};

// Shared with the child that runs a test.
struct torture {
    int failing; // number of the call that fails; 0: none, places are noted
    atomic_int calls, fresh_count;
    int fresh[FRESH]; // first call of each place that no test before came to
    _Atomic uint64_t seen[SEEN];
    atomic_bool fired, checked, leaked;
    struct stack site, late;
};

static struct torture *torture; // NULL outside of a run
static const int no_call = -1;

const char *__asan_default_options(void); // NOLINT(bugprone-reserved-identifier): ASan's name
const char *__asan_default_options(void)  // NOLINT(bugprone-reserved-identifier)
{
    return "exitcode=99:detect_leaks=1:allocator_may_return_null=1:handle_abort=1";
}

// False also when there is no room for one more.
static bool is_new(uint64_t hash)
{
    for (size_t step = 0; step < SEEN; step++) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&torture->seen[(hash + step) % SEEN], &there, hash))
            return true;
        if (there == hash)
            return false;
    }
    return false;
}

static void note_place(int number)
{
    void *frames[SITE_LAST];
    const int count = backtrace(frames, SITE_LAST);
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = SITE_FIRST; i < count; i++)
        hash = (hash ^ (uintptr_t)frames[i]) * 0x100000001b3u;
    if (!is_new(hash))
        return;
    const int place = atomic_fetch_add(&torture->fresh_count, 1);
    if (place < FRESH)
        torture->fresh[place] = number;
}

static bool fails(void)
{
    if (torture == NULL || torture->failing == no_call)
        return false;
    const int number = atomic_fetch_add(&torture->calls, 1) + 1;
    if (torture->failing == 0)
        note_place(number);
    if (number != torture->failing)
        return false;
    torture->site.count = backtrace(torture->site.frames, DEPTH);
    atomic_store(&torture->fired, true);
    return true;
}

static bool is_stored(int fd) // an eventfd has no reason to refuse
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// The places of tests/torture.syms.
#define FAILING(type, failure, code, name, parameters, arguments)                                  \
    type nj_torture_##name parameters;                                                             \
    type nj_torture_##name parameters                                                              \
    {                                                                                              \
        if (!fails())                                                                              \
            return name arguments;                                                                 \
        errno = (code);                                                                            \
        return failure;                                                                            \
    }
// Not every test is linked to the library that has it.
#define FAILING_WEAK(type, failure, name, parameters, arguments)                                   \
    __attribute__((weak)) type name parameters;                                                    \
    FAILING(type, failure, ENOMEM, name, parameters, arguments)

FAILING(void *, NULL, ENOMEM, malloc, (size_t bytes), (bytes))
FAILING(void *, NULL, ENOMEM, calloc, (size_t count, size_t bytes), (count, bytes))
FAILING(void *, NULL, ENOMEM, realloc, (void *old, size_t bytes), (old, bytes))
FAILING(char *, NULL, ENOMEM, strdup, (const char *text), (text))
FAILING(void *, NULL, ENOMEM, aligned_alloc, (size_t alignment, size_t bytes), (alignment, bytes))
FAILING(int, ENOMEM, ENOMEM, posix_memalign, (void **out, size_t alignment, size_t bytes),
        (out, alignment, bytes))
FAILING(int, EAGAIN, EAGAIN, pthread_create,
        (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg),
        (thread, attributes, run, arg))
FAILING(FILE *, NULL, EMFILE, fopen, (const char *path, const char *mode), (path, mode))
FAILING(DIR *, NULL, EMFILE, opendir, (const char *path), (path))
FAILING(DIR *, NULL, ENOMEM, fdopendir, (int fd), (fd))
FAILING(ssize_t, -1, ENOSPC, pwrite, (int fd, const void *bytes, size_t count, off_t offset),
        (fd, bytes, count, offset))
FAILING(int, -1, EIO, fsync, (int fd), (fd))
FAILING(int, -1, EIO, rename, (const char *from, const char *to), (from, to))
FAILING(int, -1, EIO, renameat, (int from_fd, const char *from, int to_fd, const char *to),
        (from_fd, from, to_fd, to))
FAILING(int, -1, EMFILE, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(int, -1, EMFILE, eventfd, (unsigned count, int flags), (count, flags))
FAILING_WEAK(int, -ENOMEM, uv_queue_work, (void *loop, void *work, void *run, void *after),
             (loop, work, run, after))
FAILING_WEAK(void *, NULL, json_string, (const char *text), (text))
FAILING_WEAK(void *, NULL, json_object, (void), ())
FAILING_WEAK(char *, NULL, json_dumps, (const void *json, size_t flags), (json, flags))
FAILING_WEAK(void *, NULL, json_deep_copy, (const void *json), (json))
FAILING_WEAK(void *, NULL, curl_easy_init, (void), ())
FAILING_WEAK(void *, NULL, curl_slist_append, (void *list, const char *text), (list, text))
FAILING_WEAK(void *, NULL, avformat_alloc_context, (void), ())
FAILING_WEAK(void *, NULL, avcodec_alloc_context3, (const void *codec), (codec))
FAILING_WEAK(void *, NULL, av_packet_alloc, (void), ())
FAILING_WEAK(void *, NULL, av_frame_alloc, (void), ())

FAILING(int, -1, EIO, mkdir, (const char *path, mode_t mode), (path, mode))
FAILING(int, -1, EIO, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
FAILING(int, -1, EIO, unlink, (const char *path), (path))
FAILING(int, -1, EIO, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
FAILING(char *, NULL, EIO, realpath, (const char *path, char *out), (path, out))
FAILING(int, -1, EMFILE, inotify_init1, (int flags), (flags))
FAILING(int, -1, EMFILE, dup, (int fd), (fd))
FAILING(int, -1, ENOLCK, flock, (int fd, int operation), (fd, operation))
FAILING(FTS *, NULL, ENOMEM, fts_open,
        (char *const *paths, int options, int (*order)(const FTSENT **, const FTSENT **)),
        (paths, options, order))
FAILING(ssize_t, -1, EIO, pread, (int fd, void *bytes, size_t count, off_t offset),
        (fd, bytes, count, offset))
FAILING(int, -1, EIO, ftruncate, (int fd, off_t length), (fd, length))
FAILING(int, -1, EIO, fstat, (int fd, struct stat *out), (fd, out))
FAILING(int, -1, EIO, lstat, (const char *path, struct stat *out), (path, out))
FAILING(int, -1, EIO, fstatat, (int folder, const char *path, struct stat *out, int flags),
        (folder, path, out, flags))
FAILING(int, EAI_AGAIN, EAGAIN, getaddrinfo,
        (const char *host, const char *service, const struct addrinfo *hints,
         struct addrinfo **out),
        (host, service, hints, out))
FAILING_WEAK(int, SQLITE_FULL, sqlite3_step, (void *statement), (statement))
FAILING_WEAK(int, SQLITE_NOMEM, sqlite3_prepare_v3,
             (void *db, const char *sql, int length, unsigned flags, void **out, void *tail),
             (db, sql, length, flags, out, tail))
FAILING_WEAK(int, -ENOMEM, uv_write,
             (void *request, void *stream, const void *buffers, unsigned count, void *done),
             (request, stream, buffers, count, done))
FAILING_WEAK(int, -ENOTCONN, uv_read_start, (void *stream, void *room, void *done),
             (stream, room, done))
FAILING_WEAK(int, -EMFILE, uv_accept, (void *server, void *client), (server, client))
FAILING_WEAK(int, -ENOMEM, uv_poll_init_socket, (void *loop, void *handle, int fd),
             (loop, handle, fd))
FAILING_WEAK(void *, NULL, json_array, (void), ())
FAILING_WEAK(void *, NULL, json_stringn, (const char *text, size_t length), (text, length))
FAILING_WEAK(void *, NULL, json_integer, (long long value), (value))
FAILING_WEAK(void *, NULL, json_real, (double value), (value))
FAILING_WEAK(void *, NULL, av_packet_clone, (const void *packet), (packet))
FAILING_WEAK(void *, NULL, av_frame_clone, (const void *frame), (frame))
FAILING_WEAK(int, -ENOMEM, avcodec_open2, (void *context, const void *codec, void *options),
             (context, codec, options))
FAILING_WEAK(void *, NULL, curl_mime_init, (void *curl), (curl))
FAILING_WEAK(void *, NULL, curl_mime_addpart, (void *mime), (mime))
FAILING_WEAK(void *, NULL, PQconnectStartParams,
             (const char *const *names, const char *const *values, int expand),
             (names, values, expand))
FAILING_WEAK(void *, NULL, redisConnectNonBlock, (const char *host, int port), (host, port))
FAILING_WEAK(void *, NULL, EVP_MD_CTX_new, (void), ())
FAILING_WEAK(int, 0, EVP_Digest,
             (const void *bytes, size_t count, unsigned char *out, unsigned *size, void *type,
              void *engine),
             (bytes, count, out, size, type, engine))
FAILING_WEAK(void *, NULL, zip_open_from_source, (void *source, int flags, void *error),
             (source, flags, error))
FAILING_WEAK(void *, NULL, zip_fopen_index, (void *archive, uint64_t index, unsigned flags),
             (archive, index, flags))

ssize_t nj_torture_read(int fd, void *bytes, size_t count);
ssize_t nj_torture_read(int fd, void *bytes, size_t count)
{
    if (!is_stored(fd) || !fails())
        return read(fd, bytes, count);
    errno = EIO;
    return -1;
}

ssize_t nj_torture_write(int fd, const void *bytes, size_t count);
ssize_t nj_torture_write(int fd, const void *bytes, size_t count)
{
    if (!is_stored(fd) || !fails())
        return write(fd, bytes, count);
    errno = ENOSPC;
    return -1;
}

static mode_t mode_of(int flags, va_list rest)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

int nj_torture_open(const char *path, int flags, ...);
int nj_torture_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    if (!fails())
        return open(path, flags, mode);
    errno = EMFILE;
    return -1;
}

int nj_torture_openat(int folder, const char *path, int flags, ...);
int nj_torture_openat(int folder, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    if (!fails())
        return openat(folder, path, flags, mode);
    errno = EMFILE;
    return -1;
}

// Folders whose libraries ask for large files call these by other names.
#define LARGE(type, name, parameters)                                                              \
    type nj_torture_##name##64 parameters;                                                         \
    type nj_torture_##name##64 parameters __attribute__((alias("nj_torture_" #name)));

LARGE(int, open, (const char *path, int flags, ...))
LARGE(int, openat, (int folder, const char *path, int flags, ...))
LARGE(FILE *, fopen, (const char *path, const char *mode))
LARGE(ssize_t, pread, (int fd, void *bytes, size_t count, off_t offset))
LARGE(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t offset))
LARGE(int, ftruncate, (int fd, off_t length))
LARGE(int, fstat, (int fd, struct stat *out))
LARGE(int, lstat, (const char *path, struct stat *out))
LARGE(int, fstatat, (int folder, const char *path, struct stat *out, int flags))

// cmocka leaves a failed test by this. What the test holds still stands on its stack, so whatever
// nothing points to now was lost by the program. It goes no further: what a test that ended in the
// middle leaves for its teardown (threads, things destroyed already) says nothing about the
// program.
void __longjmp_chk(jmp_buf buffer, int value); // NOLINT(bugprone-reserved-identifier): glibc's name
void __longjmp_chk(jmp_buf buffer, int value)  // NOLINT(bugprone-reserved-identifier)
{
    if (torture == NULL || !atomic_load(&torture->fired))
        longjmp(buffer, value);
    if (!atomic_exchange(&torture->checked, true))
        atomic_store(&torture->leaked, __lsan_do_recoverable_leak_check() != 0);
    if (getenv("NJ_TORTURE_TEARDOWN") != NULL)
        longjmp(buffer, value);
    _exit(atomic_load(&torture->leaked) ? EXIT_LEAKED : EXIT_TOLD);
}

struct choice {
    int every, first; // each n-th of a test's places, from this one on
};

struct group {
    const char *name;
    CMFixtureFunction setup, teardown;
    int64_t usual_ms; // what the test takes when nothing fails
    int report;       // file that takes what a child writes
    int places, findings;
};

int __real__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup,
                                   CMFixtureFunction teardown); // NOLINT: the linker's name
int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup,
                                   CMFixtureFunction teardown); // NOLINT

static void end_late(int signal)
{
    (void)signal;
    // Safe: it was called before. NOLINTNEXTLINE(bugprone-signal-handler)
    torture->late.count = backtrace(torture->late.frames, DEPTH);
    _exit(EXIT_LATE);
}

static void run_child(const struct group *group, const struct CMUnitTest *test, int failing,
                      int64_t limit_ms)
{
    const struct itimerval limit = {
        .it_value = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000}};
    (void)setpgid(0, 0); // servers that a test started end with it
    (void)dup2(group->report, STDOUT_FILENO);
    (void)dup2(group->report, STDERR_FILENO);
    (void)signal(SIGALRM, end_late);
    (void)setitimer(ITIMER_REAL, &limit, NULL);
    torture->failing = failing;
    const int failed =
        __real__cmocka_run_group_tests(group->name, test, 1, group->setup, group->teardown);
    torture->failing = no_call;
    if (!atomic_load(&torture->checked))
        atomic_store(&torture->leaked, __lsan_do_recoverable_leak_check() != 0);
    (void)fflush(NULL);
    _exit(atomic_load(&torture->leaked) ? EXIT_LEAKED : failed != 0 ? EXIT_TOLD : 0);
}

// Whether the report names a block that the program took; tests may lose theirs when they fail.
static bool lost_by_program(const struct group *group)
{
    static char text[REPORT_BYTES];
    const ssize_t length = pread(group->report, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    for (const char *at = text; (at = strstr(at, "Direct leak")) != NULL; at++) {
        const char *taker = strstr(at, "#1 ");
        const char *end = taker != NULL ? strchr(taker, '\n') : NULL;
        if (end == NULL || memmem(taker, (size_t)(end - taker), "/tests/", 7) == NULL ||
            memmem(taker, (size_t)(end - taker), "nj_torture_", 11) != NULL)
            return true;
    }
    return false;
}

// A test may wait for what cannot come any more; the program may not.
static bool test_waits(void)
{
    char place[512];
    for (int i = SITE_FIRST; i < torture->late.count; i++) {
        __sanitizer_symbolize_pc((char *)torture->late.frames[i] - 1, "%s", place, sizeof place);
        if (strstr(place, NJ_FAKE_SOURCE_DIR "/src/loop/") != NULL)
            continue; // by which tests wait as well
        if (strstr(place, NJ_FAKE_SOURCE_DIR "/src/") != NULL)
            return false;
        if (strstr(place, NJ_FAKE_SOURCE_DIR "/tests/") != NULL)
            return true;
    }
    return false;
}

// How the run of one test ended: NULL when well, else a word.
static const char *run_once(const struct group *group, const struct CMUnitTest *test, int failing,
                            int64_t limit_ms)
{
    if (ftruncate(group->report, 0) != 0)
        return "without an empty report";
    (void)lseek(group->report, 0, SEEK_SET);
    atomic_store(&torture->calls, 0);
    atomic_store(&torture->fired, false);
    atomic_store(&torture->checked, false);
    atomic_store(&torture->leaked, false);
    torture->late.count = 0;
    const pid_t child = fork();
    if (child == 0)
        run_child(group, test, failing, limit_ms);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return "lost";
    (void)kill(-child, SIGKILL);
    if (!WIFEXITED(status))
        return "crash";
    switch (WEXITSTATUS(status)) {
    case EXIT_LATE:
        return test_waits() ? NULL : "late";
    case EXIT_LEAKED:
        return lost_by_program(group) ? "leak" : NULL;
    case 0:
    case EXIT_TOLD:
        return NULL;
    default:
        return "crash";
    }
}

static void show_stack(const char *title, const struct stack *stack)
{
    char line[512];
    printf("  %s\n", title);
    for (int i = SITE_FIRST; i < stack->count && i < SHOWN; i++) {
        __sanitizer_symbolize_pc((char *)stack->frames[i] - 1, "%f %S", line, sizeof line);
        printf("    %s\n", line);
    }
}

static void show(const struct group *group, const char *end, const struct CMUnitTest *test,
                 int call)
{
    static char text[SHOWN_BYTES];
    printf("torture: %s: %s, call %d\n", end, test->name, call);
    show_stack("fails:", &torture->site);
    if (torture->late.count > 0) {
        show_stack("waits:", &torture->late);
        return;
    }
    const ssize_t length = pread(group->report, text, sizeof text, 0);
    printf("%.*s\n", (int)(length > 0 ? length : 0), text);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fail_call(struct group *group, const struct CMUnitTest *test, int call)
{
    const char *end = run_once(group, test, call, LATE_MS + LATE_TIMES * group->usual_ms);
    if (end != NULL && strcmp(end, "late") == 0) // or the machine is busy
        end = run_once(group, test, call, SURELY_MS);
    group->places++;
    if (end == NULL)
        return;
    group->findings++;
    show(group, end, test, call);
}

static void torture_test(struct group *group, const struct CMUnitTest *test, struct choice choice)
{
    atomic_store(&torture->fresh_count, 0);
    torture->site.count = 0;
    const int64_t began = now_ms();
    const char *end = run_once(group, test, 0, SURELY_MS);
    group->usual_ms = now_ms() - began;
    if (end != NULL && strcmp(end, "late") != 0) {
        group->findings++;
        show(group, end, test, 0);
        return;
    }
    if (group->usual_ms > SLOW_MS) {
        printf("torture: %s left out: it takes %lld ms\n", test->name, (long long)group->usual_ms);
        return;
    }
    const int fresh = atomic_load(&torture->fresh_count);
    for (int i = choice.first; i < fresh && i < FRESH; i += choice.every)
        fail_call(group, test, torture->fresh[i]);
}

static struct choice parse_choice(const char *text) // "3" or "3+1"
{
    char *end;
    const long every = strtol(text, &end, 10);
    const long first = *end == '+' ? strtol(end + 1, NULL, 10) : 0;
    return (struct choice){
        .every = every > 0 && every < FRESH ? (int)every : 1,
        .first = first > 0 && first < FRESH ? (int)first : 0,
    };
}

int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const char *chosen = getenv("NJ_TORTURE");
    if (chosen == NULL)
        return __real__cmocka_run_group_tests(name, tests, count, setup, teardown);
    const char *match = getenv("NJ_MATCH");
    struct group group = {.name = name, .setup = setup, .teardown = teardown};
    group.report = memfd_create("report", MFD_CLOEXEC);
    if (torture == NULL) {
        torture =
            mmap(NULL, sizeof *torture, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        torture->failing = no_call;
        torture->site.count = backtrace(torture->site.frames, DEPTH); // loads what it needs
    }
    const struct choice choice = parse_choice(chosen);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < count; i++)
        if (match == NULL || strstr(tests[i].name, match) != NULL)
            torture_test(&group, &tests[i], choice);
    (void)close(group.report);
    printf("torture: %s: %d places, %d findings\n", name, group.places, group.findings);
    return group.findings;
}

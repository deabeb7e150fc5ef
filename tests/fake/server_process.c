// SPDX-License-Identifier: Apache-2.0
// Children that are foreign servers: fork without rights, pidfd for waiting, signals by pid.
#include "tests/fake/server_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    READY_ASK_MS = 5,
    KILL_WAIT_MS = 10000,
    CHILDREN_MAX = 128,
    CANNOT_RUN = 127,
};

static bool in_folder(const char *folder, size_t length, const char *name, char *out)
{
    int written = snprintf(out, NJ_TEMP_PATH_MAX, "%.*s/%s", (int)length, folder, name);
    return written > 0 && written < NJ_TEMP_PATH_MAX && access(out, X_OK) == 0;
}

static bool in_path(const char *path, const char *name, char *out)
{
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        if (length > 0 && in_folder(path, length, name, out))
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

static bool by_pattern(const char *pattern, char *out)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        return false;
    const char *last = found.gl_pathv[found.gl_pathc - 1];
    bool usable = strlen(last) < NJ_TEMP_PATH_MAX && access(last, X_OK) == 0;
    if (usable)
        snprintf(out, NJ_TEMP_PATH_MAX, "%s", last);
    globfree(&found);
    return usable;
}

bool nj_server_find(const char *name, const char *more, char out[NJ_TEMP_PATH_MAX])
{
    return in_path(getenv("PATH"), name, out) || in_path("/usr/local/sbin:/usr/sbin", name, out) ||
           (more != NULL && by_pattern(more, out));
}

// PostgreSQL refuses to run as root, so that root's tests lend it another user.
static const struct passwd *find_user(void)
{
    if (geteuid() != 0)
        return NULL;
    const struct passwd *user = getpwnam("nobody");
    assert_non_null(user);
    return user;
}

void nj_server_folder_init(struct nj_temp_dir *folder)
{
    const struct passwd *user = find_user();
    nj_temp_dir_init(folder);
    if (user != NULL)
        assert_int_equal(chown(folder->path, user->pw_uid, user->pw_gid), 0);
}

int nj_server_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

// Between fork and exec: only what is safe for a child of a program with threads.
static _Noreturn void become(const struct nj_server_command *command, int output,
                             const struct passwd *user)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int input = open("/dev/null", O_RDONLY);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(CANNOT_RUN);
    if (user != NULL &&
        (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(CANNOT_RUN);
    // Changing the user clears this, so it comes after.
    if (prctl(PR_SET_PDEATHSIG, command->orphan_signal) != 0 || chdir(command->folder) != 0)
        _exit(CANNOT_RUN);
    execv(command->words[0], (char *const *)(uintptr_t)command->words);
    _exit(CANNOT_RUN);
}

void nj_server_process_start(struct nj_server_process *process,
                             const struct nj_server_command *command)
{
    char path[NJ_TEMP_PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/output", command->folder);
    assert_in_range(length, 1, sizeof path - 1);
    int output = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(output >= 0);
    const struct passwd *user = find_user();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(command, output, user);
    close(output);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(pidfd >= 0);
    *process = (struct nj_server_process){.pid = pid, .pidfd = pidfd};
}

bool nj_server_process_ended(struct nj_server_process *process, int timeout_ms)
{
    if (process->pid == 0)
        return true;
    struct pollfd ready = {.fd = process->pidfd, .events = POLLIN};
    if (poll(&ready, 1, timeout_ms) <= 0)
        return false;
    assert_int_equal(waitpid(process->pid, NULL, 0), process->pid);
    close(process->pidfd);
    *process = (struct nj_server_process){.pid = 0};
    return true;
}

void nj_server_process_kill(struct nj_server_process *process)
{
    if (process->pid == 0)
        return;
    bool paused = process->paused;
    if (paused)
        nj_server_process_resume(process); // its children must see its end
    kill(process->pid, SIGKILL);
    assert_true(nj_server_process_ended(process, KILL_WAIT_MS));
}

void nj_server_process_stop(struct nj_server_process *process, int signal, int timeout_ms)
{
    if (process->pid == 0)
        return;
    nj_server_process_resume(process);
    kill(process->pid, signal);
    if (!nj_server_process_ended(process, timeout_ms))
        nj_server_process_kill(process);
}

static size_t find_children(pid_t pid, pid_t out[CHILDREN_MAX])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    size_t count = 0;
    int child;
    while (file != NULL && count < CHILDREN_MAX && fscanf(file, "%d", &child) == 1)
        out[count++] = child;
    if (file != NULL)
        fclose(file);
    return count;
}

static void signal_all(const struct nj_server_process *process, int signal)
{
    pid_t children[CHILDREN_MAX];
    kill(process->pid, signal); // first: a stopped parent makes no further children
    size_t count = find_children(process->pid, children);
    for (size_t i = 0; i < count; i++)
        kill(children[i], signal);
}

void nj_server_process_pause(struct nj_server_process *process)
{
    assert_true(process->pid > 0);
    signal_all(process, SIGSTOP);
    process->paused = true;
}

void nj_server_process_resume(struct nj_server_process *process)
{
    if (process->pid > 0 && process->paused)
        signal_all(process, SIGCONT);
    process->paused = false;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool nj_server_process_await(struct nj_server_process *process, int timeout_ms,
                             bool (*ready)(void *arg), void *arg)
{
    int64_t deadline = now_ms() + timeout_ms;
    while (!ready(arg)) {
        if (now_ms() > deadline || nj_server_process_ended(process, READY_ASK_MS))
            return false;
    }
    return true;
}

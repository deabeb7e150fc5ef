// SPDX-License-Identifier: Apache-2.0
// Opening names below a root without following links, by openat2 or step by step.
#include "sources/beneath_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// A link that O_DIRECTORY | O_NOFOLLOW met shows as ENOTDIR; callers want to know it was a link.
static int open_step(int parent_fd, const char *name, int flags)
{
    int fd = openat(parent_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (fd < 0 && errno == ENOTDIR && fstatat(parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(info.st_mode))
        errno = ELOOP;
    return fd;
}

static bool take_name(char out[NAME_MAX + 1], const char *text, size_t length)
{
    bool climbs = length == 2 && memcmp(text, "..", 2) == 0;
    if (length > NAME_MAX || climbs) {
        errno = climbs ? EXDEV : ENAMETOOLONG;
        return false;
    }
    memcpy(out, length ? text : ".", length ? length : 1);
    out[length ? length : 1] = '\0';
    return true;
}

int nj_beneath_open_walk(int root_fd, const char *relative, int flags)
{
    char name[NAME_MAX + 1];
    int fd = dup(root_fd);
    while (fd >= 0 && relative) {
        const char *slash = strchr(relative, '/');
        size_t length = slash ? (size_t)(slash - relative) : strlen(relative);
        int next = -1;
        if (take_name(name, relative, length))
            next = open_step(fd, name, slash ? O_RDONLY | O_DIRECTORY : flags);
        int problem = errno;
        close(fd);
        errno = problem;
        fd = next;
        relative = slash ? slash + 1 : NULL;
    }
    return fd;
}

int nj_beneath_open(int root_fd, const char *relative, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, root_fd, *relative ? relative : ".", &how, sizeof how);
    // EPERM and EINVAL are the answers of sandboxes that do not know the call.
    if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
        return nj_beneath_open_walk(root_fd, relative, flags);
    return (int)fd;
}

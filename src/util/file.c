// SPDX-License-Identifier: Apache-2.0
// Whole reads, atomic replacement, directories, room on a disk.
#include "util/file.h"

#include "util/digest.h"
#include "util/mem.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    NJ_FILE_FIRST_READ_BYTES = 64 * 1024,
    NJ_FILE_RANDOM_BYTES = 8, // of the temporary name
    NJ_FILE_RANDOM_DIGITS = 2 * NJ_FILE_RANDOM_BYTES,
    NJ_FILE_MODE = 0640,
    NJ_DIR_MODE = 0750,
};

static const char temporary_prefix[] = ".nj-tmp-";

// Reads until the end, so that it also works for files whose size is not known or still grows.
static int read_all(int fd, size_t limit, char **out, size_t *out_length)
{
    char *data = NULL;
    size_t capacity = 0;
    size_t length = 0;
    for (;;) {
        if (nj_array_reserve((void **)&data, &capacity,
                             length ? length + 2 : NJ_FILE_FIRST_READ_BYTES, 1)) {
            free(data);
            return ENOMEM;
        }
        ssize_t got = read(fd, data + length, capacity - length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || length + (size_t)got > limit) {
            int failure = got < 0 ? errno : got > 0 ? EFBIG : 0;
            if (failure) {
                free(data);
                return failure;
            }
            break;
        }
        length += (size_t)got;
    }
    data[length] = '\0';
    *out = data;
    *out_length = length;
    return 0;
}

int nj_file_read(const char *path, size_t limit, char **out, size_t *out_length,
                 struct nj_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nj_error_errno(err, errno, "cannot open %s", path);
    size_t length = 0;
    int failure = read_all(fd, limit, out, &length);
    close(fd);
    if (failure == EFBIG)
        return nj_error_set(err, NJ_E_TOO_BIG, "%s is larger than %zu bytes", path, limit);
    if (failure == ENOMEM)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read %s", path);
    if (failure)
        return nj_error_errno(err, failure, "cannot read %s", path);
    if (out_length)
        *out_length = length;
    return 0;
}

static int write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        bytes += put;
        length -= (size_t)put;
    }
    return fsync(fd) ? errno : 0;
}

static int folder_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    if (length >= PATH_MAX)
        return ENAMETOOLONG;
    memcpy(out, path, length);
    out[length] = '\0';
    if (!length)
        memcpy(out, ".", sizeof("."));
    return 0;
}

struct content {
    const void *bytes;
    size_t length;
};

// Writes `temporary` and renames it over `target`, both in the folder; 0 or errno.
static int replace_file(int folder, const char *temporary, const char *target,
                        struct content content)
{
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, NJ_FILE_MODE);
    if (fd < 0)
        return errno;
    int failure = write_all(fd, content.bytes, content.length);
    if (close(fd) && !failure)
        failure = errno;
    if (!failure && renameat(folder, temporary, folder, target))
        failure = errno;
    if (failure)
        unlinkat(folder, temporary, 0);
    else if (fsync(folder))
        failure = errno;
    return failure;
}

int nj_file_write_atomic(const char *path, const void *bytes, size_t length, struct nj_error *err)
{
    char folder_path[PATH_MAX];
    char temporary[sizeof(temporary_prefix) + NJ_FILE_RANDOM_DIGITS];
    const char *slash = strrchr(path, '/');
    const char *target = slash ? slash + 1 : path;
    if (!*target)
        return nj_error_set(err, NJ_E_INVALID, "%s names a folder, not a file", path);
    if (folder_of(path, folder_path))
        return nj_error_set(err, NJ_E_TOO_BIG, "path is longer than %d bytes", PATH_MAX - 1);
    memcpy(temporary, temporary_prefix, sizeof(temporary_prefix));
    if (nj_random_hex(temporary + sizeof(temporary_prefix) - 1, NJ_FILE_RANDOM_BYTES))
        return nj_error_set(err, NJ_E_IO, "no random bytes for a temporary name");
    int folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return nj_error_errno(err, errno, "cannot open folder %s", folder_path);
    int failure = replace_file(folder, temporary, target, (struct content){bytes, length});
    close(folder);
    return failure ? nj_error_errno(err, failure, "cannot write %s", path) : 0;
}

int nj_file_may_replace(const char *path, struct nj_error *err)
{
    struct stat status;
    if (lstat(path, &status) || S_ISREG(status.st_mode))
        return 0; // what else is wrong with the path, the writing tells
    return nj_error_set(err, NJ_E_INVALID, "%s is no file, so nothing is written over it", path);
}

int nj_file_is_temporary(const char *name)
{
    size_t prefix = sizeof(temporary_prefix) - 1;
    return strncmp(name, temporary_prefix, prefix) == 0 &&
           strspn(name + prefix, "0123456789abcdef") == NJ_FILE_RANDOM_DIGITS &&
           name[prefix + NJ_FILE_RANDOM_DIGITS] == '\0';
}

static int create_one_dir(const char *path, struct nj_error *err)
{
    struct stat status;
    if (mkdir(path, NJ_DIR_MODE) == 0)
        return 0;
    int failure = errno;
    // Also for EROFS and EACCES: a parent that exists needs no permission to be made.
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return 0;
        failure = ENOTDIR;
    }
    return nj_error_errno(err, failure, "cannot create folder %s", path);
}

int nj_dir_create(const char *path, struct nj_error *err)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(part))
        return nj_error_set(err, length ? NJ_E_TOO_BIG : NJ_E_INVALID,
                            "a folder path has 1 to %d bytes, this has %zu", PATH_MAX - 1, length);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        if (part[i] != '/' || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        int rc = create_one_dir(part, err);
        if (rc)
            return rc;
        part[i] = '/';
    }
    return create_one_dir(part, err);
}

int nj_disk_room(const char *path, int64_t *out_free, int64_t *out_total, struct nj_error *err)
{
    struct statvfs room;
    if (statvfs(path, &room))
        return nj_error_errno(err, errno, "cannot ask for the room at %s", path);
    if (out_free)
        *out_free = (int64_t)(room.f_bavail * room.f_frsize);
    if (out_total)
        *out_total = (int64_t)(room.f_blocks * room.f_frsize);
    return 0;
}

int nj_path_join(char *out, size_t size, const char *folder, const char *name)
{
    size_t folder_length = strlen(folder);
    while (folder_length > 0 && folder[folder_length - 1] == '/')
        folder_length--;
    while (*name == '/')
        name++;
    const char *slash = *folder ? "/" : "";
    size_t name_length = strlen(name);
    if (folder_length + strlen(slash) + name_length >= size)
        return NJ_E_TOO_BIG;
    memmove(out, folder, folder_length);
    memcpy(out + folder_length, slash, strlen(slash));
    memmove(out + folder_length + strlen(slash), name, name_length + 1);
    return 0;
}

bool nj_path_is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/' &&
           !strstr(path + length, "/../") && !nj_text_ends_with_nocase(path, "/..");
}

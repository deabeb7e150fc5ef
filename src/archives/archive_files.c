// SPDX-License-Identifier: Apache-2.0
// Files of archives on disk: unpacking into a folder of ours, removing such folders.
#include "archives/archive_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_DEPTH_MAX = 16 }; // deeper than any archive can unpack

static int write_piece(void *context, const void *bytes, size_t length, struct nj_error *err)
{
    const int fd = *(const int *)context;
    for (size_t done = 0; done < length;) {
        const ssize_t count = write(fd, (const char *)bytes + done, length - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return nj_error_errno(err, errno, "cannot be written");
        done += (size_t)count;
    }
    return 0;
}

// The folders on the way to `name`. The tree is ours and new: there are no links in it.
static int make_folders(int folder, const char *name, struct nj_error *err)
{
    char path[NJ_ARCHIVE_NAME_MAX + 1];
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof path, "%.*s", (int)(slash - name), name);
        if (mkdirat(folder, path, 0700) != 0 && errno != EEXIST)
            return nj_error_errno(err, errno, "a folder of the archive cannot be made");
    }
    return 0;
}

static int unpack_entry(struct nj_zip *zip, size_t index, int folder, struct nj_error *err)
{
    const char *name = nj_zip_name(zip, index);
    int rc = make_folders(folder, name, err);
    if (rc != 0)
        return rc;
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return nj_error_errno(err, errno, "a file of the archive cannot be made");
    rc = nj_zip_read(zip, index, &(struct nj_zip_sink){write_piece, &fd}, err);
    if (rc == 0 && fsync(fd) != 0)
        rc = nj_error_errno(err, errno, "a file of the archive cannot be written");
    close(fd);
    return rc;
}

int nj_zip_unpack(struct nj_zip *zip, const char *folder, struct nj_error *err)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return nj_error_errno(err, errno, "%s", folder);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < nj_zip_count(zip); i++)
        rc = unpack_entry(zip, i, fd, err);
    if (rc == 0 && fsync(fd) != 0)
        rc = nj_error_errno(err, errno, "%s", folder);
    close(fd);
    return rc;
}

static void remove_below(int parent, const char *name, int depth);

static void remove_content(int fd, int depth)
{
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        close(fd);
        return;
    }
    for (const struct dirent *item; (item = readdir(folder)) != NULL;) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            remove_below(dirfd(folder), item->d_name, depth + 1);
    }
    closedir(folder);
}

static void remove_below(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || depth > TREE_DEPTH_MAX)
        return;
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    remove_content(fd, depth);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void nj_tree_remove(const char *path)
{
    remove_below(AT_FDCWD, path, 0);
}

// SPDX-License-Identifier: Apache-2.0
// Opens a media file only when it really lies under a folder of ours or the uploads: the check is
// made on the open descriptor, so that no link can be put in between.
#include "http/http_priv.h"
#include "util/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_under(const char *path, const char *root)
{
    char resolved[PATH_MAX];
    return root != NULL && root[0] != '\0' && realpath(root, resolved) != NULL &&
           nj_path_is_below(path, resolved);
}

static bool is_ours(const struct nj_api_context *context, int fd)
{
    char link[64], path[PATH_MAX];
    struct stat stat_out;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || fstat(fd, &stat_out) != 0 || !S_ISREG(stat_out.st_mode))
        return false;
    path[length] = '\0';
    return is_under(path, context->upload_root) ||
           (context->media != NULL && is_under(path, nj_media_folder(context->media)));
}

int nj_picture_file_open(const struct nj_api_context *context, const char *path, int *out_fd,
                         struct nj_error *err)
{
    // Not to be held up by a pipe that took the picture's place.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return nj_error_set(err, NJ_E_NOT_FOUND, "the picture's file is not there any more");
    if (!is_ours(context, fd)) {
        close(fd);
        return nj_error_set(err, NJ_E_NOT_FOUND, "the picture's file is not where pictures lie");
    }
    *out_fd = fd;
    return 0;
}

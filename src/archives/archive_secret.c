// SPDX-License-Identifier: Apache-2.0
// Passwords that archives refer to. An archive comes from a stranger and names its own servers, so
// that it may only be given what the site says.
#include "archives/archive_priv.h"
#include "archives/spec_priv.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN_MAX = 96, FILE_MAX = 8192 }; // bytes; longer than any password

static bool is_listed(const struct nj_text_list *list, const char *reference)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *item = list->items[i];
        const size_t length = strlen(item);
        if (strcmp(item, reference) == 0)
            return true;
        if (length > 0 && item[length - 1] == '*' && strncmp(item, reference, length - 1) == 0 &&
            strstr(reference, "/..") == NULL)
            return true;
    }
    return false;
}

static int copy_out(const char *text, size_t length, char *out, size_t size, struct nj_error *err)
{
    if (length >= size)
        return nj_error_set(err, NJ_E_TOO_BIG, "the password is longer than %zu bytes", size - 1);
    memcpy(out, text, length);
    out[length] = '\0';
    return 0;
}

static int read_all(int fd, const char *path, char text[FILE_MAX], struct nj_error *err)
{
    size_t length = 0;
    ssize_t got = 1;
    while (got != 0 && length < FILE_MAX) {
        got = read(fd, text + length, FILE_MAX - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return nj_error_errno(err, errno, "cannot read %s", path);
        length += (size_t)got;
    }
    if (length == FILE_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "%s is larger than %d bytes", path, FILE_MAX - 1);
    text[length] = '\0';
    return 0;
}

// Read on the loop thread, and so only from what keeps nobody waiting: no pipe, no device.
static int read_file(const char *path, char *out, size_t size, struct nj_error *err)
{
    char text[FILE_MAX];
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return nj_error_errno(err, errno, "cannot open %s", path);
    int rc = 0;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        rc = nj_error_set(err, NJ_E_INVALID, "%s is no regular file", path);
    rc = rc != 0 ? rc : read_all(fd, path, text, err);
    close(fd);
    if (rc != 0)
        return rc;
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n') // as editors end a file
        length--;
    rc = copy_out(text, length, out, size, err);
    explicit_bzero(text, sizeof text);
    return rc;
}

int nj_archive_secret(const struct nj_archive_options *options, const char *reference, char *out,
                      size_t size, struct nj_error *err)
{
    char shown[SHOWN_MAX];
    const bool env = strncmp(reference, "env:", 4) == 0;
    if (!env && strncmp(reference, "file:", 5) != 0)
        return copy_out(reference, strlen(reference), out, size, err);
    nj_text_printable(shown, sizeof shown, reference);
    if (!is_listed(&options->secrets, reference))
        return nj_error_set(err, NJ_E_DENIED, "'%s' is not in archives.secrets", shown);
    if (!env)
        return read_file(reference + 5, out, size, err);
    const char *value = getenv(reference + 4);
    if (value == NULL)
        return nj_error_set(err, NJ_E_NOT_FOUND, "the environment has no '%s'", shown + 4);
    return copy_out(value, strlen(value), out, size, err);
}

static int try_secret(const struct nj_archive_options *options, struct nj_spec *spec,
                      const char *server, const char *reference)
{
    char text[NJ_ARCHIVE_SECRET_MAX], shown[NJ_ERROR_TEXT_MAX];
    struct nj_error why = {0};
    const int rc = nj_archive_secret(options, reference, text, sizeof text, &why);
    explicit_bzero(text, sizeof text);
    if (rc == 0)
        return 0;
    struct nj_spec_reader reader = {.spec = spec};
    nj_text_copy(reader.path, sizeof reader.path, server);
    nj_text_printable(shown, sizeof shown, why.text);
    return nj_spec_warn(&reader, "actions for this server will become dead letters: %s", shown);
}

int nj_archive_try_secrets(const struct nj_archive_options *options,
                           const struct nj_archive *archive)
{
    struct nj_spec *spec = archive->spec;
    const int rc = try_secret(options, spec, "redis.password", spec->redis.password);
    return rc != 0 ? rc
                   : try_secret(options, spec, "postgresql.password", spec->postgresql.password);
}

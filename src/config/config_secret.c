// SPDX-License-Identifier: Apache-2.0
// Secrets that stand elsewhere: env:NAME and file:PATH. No message ever holds a secret's text.
#include "config/config_value_priv.h"
#include "util/file.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { SECRET_FILE_MAX = 64 * 1024 }; // bytes; a key or password, or a chain of certificates

const char *nj_environment_get(const char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment && environment[i]; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
            return environment[i] + length + 1;
    }
    return NULL;
}

static int fail_nomem(const struct nj_binding *binding)
{
    return nj_error_set(binding->binder->err, NJ_E_NOMEM, "%s: out of memory", binding->name);
}

static int check_secret(const struct nj_binding *binding, const char *text, size_t length)
{
    // strlen: a NUL inside would cut the secret short in silence.
    if (strlen(text) == length && nj_utf8_valid(text, length))
        return 0;
    return nj_binding_error(binding, "what it refers to is not text in UTF-8");
}

static int resolve_env(const struct nj_binding *binding, const char *name, const char **out)
{
    const char *value = nj_environment_get(binding->binder->environment, name);
    if (!value) {
        char shown[64];
        nj_text_printable(shown, sizeof(shown), name);
        return nj_binding_error(binding, "the environment has no %s, to which env: refers", shown);
    }
    int code = check_secret(binding, value, strlen(value));
    if (code == 0)
        *out = value;
    return code;
}

static int resolve_file(const struct nj_binding *binding, const char *path, const char **out)
{
    char *text = NULL;
    size_t length = 0;
    struct nj_error why = {0};
    int code = nj_file_read(path, SECRET_FILE_MAX, &text, &length, &why);
    if (code == NJ_E_NOMEM)
        return fail_nomem(binding);
    if (code != 0)
        return nj_binding_error(binding, "file: cannot be read: %s", why.text);
    code = check_secret(binding, text, length);
    if (code != 0)
        goto done;
    // Editors and `echo` end a file with a line feed that is not meant.
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    const char *copy = nj_arena_text(binding->binder->arena, text, length);
    if (copy)
        *out = copy;
    else
        code = fail_nomem(binding);
done:
    free(text);
    return code;
}

int nj_secret_resolve(const struct nj_binding *binding, const char *text, const char **out)
{
    bool env = strncmp(text, "env:", 4) == 0, file = strncmp(text, "file:", 5) == 0;
    if ((env || file) && binding->binder->no_references)
        return nj_binding_error(binding, "env: and file: work in the configuration only");
    if (env)
        return resolve_env(binding, text + 4, out);
    if (file)
        return resolve_file(binding, text + 5, out);
    *out = text;
    return 0;
}

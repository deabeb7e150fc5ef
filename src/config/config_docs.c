// SPDX-License-Identifier: Apache-2.0
// Documents made from the tables: help text, Markdown reference and YAML example.
#include "config/config.h"

#include "config/config_name_priv.h"
#include "util/json_writer.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

enum { HELP_WIDTH = 76 }; // characters of a help line behind its indent; fits a terminal of 80

static const char *type_text(enum nj_option_type type)
{
    static const char *const texts[] = {
        [NJ_OPTION_BOOL] = "true or false",
        [NJ_OPTION_INT] = "whole number",
        [NJ_OPTION_NUMBER] = "number",
        [NJ_OPTION_SECONDS] = "seconds",
        [NJ_OPTION_TEXT] = "text",
        [NJ_OPTION_PATH] = "path",
        [NJ_OPTION_CHOICE] = "choice",
        [NJ_OPTION_TEXT_LIST] = "list of texts",
        [NJ_OPTION_OBJECTS] = "list of mappings",
    };
    return texts[type];
}

static void append_choices(struct nj_buf *out, const struct nj_option *option)
{
    for (size_t i = 0; option->choices[i]; i++) {
        nj_buf_append_text(out, i > 0 ? ", " : "one of ");
        nj_buf_append_text(out, option->choices[i]);
    }
}

// "whole number, 1 to 500 items": what may stand there.
static void append_allowed(struct nj_buf *out, const struct nj_option *option)
{
    if (option->type == NJ_OPTION_CHOICE) {
        append_choices(out, option);
        return;
    }
    nj_buf_append_text(out, type_text(option->type));
    char range[NJ_CONFIG_NAME_MAX];
    nj_option_range_text(option, range, sizeof(range));
    bool says_unit = option->unit && option->type != NJ_OPTION_SECONDS;
    if (range[0])
        nj_buf_printf(out, ", %s", range);
    else if (says_unit)
        nj_buf_printf(out, " of %s", option->unit);
}

static const char *fallback_text(const struct nj_option *option)
{
    return option->fallback && !option->secret ? option->fallback : "";
}

// Breaks at blanks; every line begins with `indent`.
static void append_wrapped(struct nj_buf *out, const char *indent, const char *text)
{
    while (*text) {
        size_t length = strlen(text);
        if (length > HELP_WIDTH) {
            length = HELP_WIDTH;
            while (length > 0 && text[length] != ' ')
                length--;
            if (length == 0)
                length = strcspn(text, " ");
        }
        nj_buf_append_text(out, indent);
        nj_buf_append(out, text, length);
        nj_buf_append_char(out, '\n');
        text += length;
        text += strspn(text, " ");
    }
}

static void help_option(struct nj_buf *out, const char *name, const char *env,
                        const struct nj_option *option)
{
    nj_buf_printf(out, "  %s  (", name);
    append_allowed(out, option);
    if (*fallback_text(option))
        nj_buf_printf(out, "; default %s", fallback_text(option));
    nj_buf_append_text(out, ")\n");
    if (env)
        nj_buf_printf(out, "      environment %s%s\n", env,
                      option->reloadable ? "; may change at a reload" : "");
    append_wrapped(out, "      ", option->help);
    if (option->secret)
        nj_buf_append_text(out, "      A secret; env:NAME and file:PATH say where it stands.\n");
}

static void help_members(struct nj_buf *out, const char *prefix, const struct nj_option *option)
{
    for (size_t i = 0; i < option->members->count; i++) {
        const struct nj_option *member = &option->members->options[i];
        char name[NJ_CONFIG_NAME_MAX];
        snprintf(name, sizeof(name), "%s[].%s", prefix, member->name);
        help_option(out, name, NULL, member);
        if (member->type == NJ_OPTION_OBJECTS)
            help_members(out, name, member);
    }
}

void nj_config_help(const struct nj_option_group *const *groups, struct nj_buf *out)
{
    for (size_t i = 0; groups[i]; i++) {
        nj_buf_printf(out, "%s%s\n", i > 0 ? "\n" : "", groups[i]->title);
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct nj_option *option = &groups[i]->options[k];
            char name[NJ_CONFIG_NAME_MAX];
            char env[NJ_CONFIG_NAME_MAX];
            nj_option_dotted_name(groups[i], option, name, sizeof(name));
            nj_option_env_name(groups[i], option, env, sizeof(env));
            help_option(out, name, env, option);
            if (option->type == NJ_OPTION_OBJECTS)
                help_members(out, name, option);
        }
    }
}

// Text for a table cell: a bar would end it.
static void append_cell(struct nj_buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '|')
            nj_buf_append_char(out, '\\');
        nj_buf_append_char(out, *c == '\n' ? ' ' : *c);
    }
}

static void markdown_option(struct nj_buf *out, const char *env, const struct nj_option *option)
{
    nj_buf_printf(out, "| `%s` | ", option->name);
    if (env)
        nj_buf_printf(out, "`%s` | ", env);
    append_allowed(out, option);
    nj_buf_append_text(out, " | ");
    if (*fallback_text(option)) {
        nj_buf_append_char(out, '`');
        append_cell(out, fallback_text(option));
        nj_buf_append_char(out, '`');
    }
    nj_buf_append_text(out, " | ");
    if (env)
        nj_buf_append_text(out, option->reloadable ? "yes | " : "no | ");
    append_cell(out, option->help);
    nj_buf_append_text(out, option->secret ? " (secret) |\n" : " |\n");
}

static void markdown_members(struct nj_buf *out, const char *prefix, const struct nj_option *option)
{
    nj_buf_printf(out, "\nMembers of each mapping in `%s`:\n\n", prefix);
    nj_buf_append_text(out, "| member | value | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < option->members->count; i++)
        markdown_option(out, NULL, &option->members->options[i]);
    for (size_t i = 0; i < option->members->count; i++) {
        const struct nj_option *member = &option->members->options[i];
        if (member->type != NJ_OPTION_OBJECTS)
            continue;
        char name[NJ_CONFIG_NAME_MAX];
        snprintf(name, sizeof(name), "%s[].%s", prefix, member->name);
        markdown_members(out, name, member);
    }
}

static void markdown_group(struct nj_buf *out, const struct nj_option_group *group)
{
    nj_buf_printf(out, "\n## %s: `%s`\n\n", group->title, group->name);
    nj_buf_append_text(out, "| setting | environment | value | default | reload | meaning |\n"
                            "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < group->count; i++) {
        char env[NJ_CONFIG_NAME_MAX];
        nj_option_env_name(group, &group->options[i], env, sizeof(env));
        markdown_option(out, env, &group->options[i]);
    }
    for (size_t i = 0; i < group->count; i++) {
        char name[NJ_CONFIG_NAME_MAX];
        nj_option_dotted_name(group, &group->options[i], name, sizeof(name));
        if (group->options[i].type == NJ_OPTION_OBJECTS)
            markdown_members(out, name, &group->options[i]);
    }
}

void nj_config_markdown(const struct nj_option_group *const *groups, struct nj_buf *out)
{
    nj_buf_append_text(
        out,
        "# Configuration\n\n"
        "This page is made from the option tables of the program; change it there.\n\n"
        "Each setting has a default. A file (`--config FILE`, YAML or JSON) replaces defaults, "
        "the\n"
        "environment replaces the file, and `--set group.name=value` replaces the environment.\n"
        "Unknown names are errors. Seconds may have a fraction. A list is a YAML list in the "
        "file;\n"
        "in the environment and with `--set` it is comma separated text or a JSON list. Settings\n"
        "whose column *reload* says yes follow a changed file at SIGHUP, the others at the next\n"
        "start. Where a setting is marked secret, `env:NAME` takes it from the environment and\n"
        "`file:PATH` from a file; secrets are shown as `***`.\n");
    for (size_t i = 0; groups[i]; i++)
        markdown_group(out, groups[i]);
}

static void example_list(struct nj_buf *out, const char *text)
{
    nj_buf_append_char(out, '[');
    bool first = true;
    while (*text) {
        size_t length = strcspn(text, ",");
        size_t skip = strspn(text, " ");
        if (length > skip) {
            nj_buf_append_text(out, first ? "" : ", ");
            struct nj_json_writer writer;
            nj_json_init(&writer, out);
            nj_json_text_n(&writer, NULL, text + skip, length - skip);
            first = false;
        }
        text += length;
        text += *text == ',';
    }
    nj_buf_append_char(out, ']');
}

static void example_value(struct nj_buf *out, const struct nj_option *option)
{
    const char *fallback = fallback_text(option);
    bool list = option->type == NJ_OPTION_TEXT_LIST || option->type == NJ_OPTION_OBJECTS;
    if (!*fallback)
        return; // a name without a value leaves the default alone, which an empty text would not
    nj_buf_append_char(out, ' ');
    if (list && fallback[0] != '[') {
        example_list(out, fallback);
    } else if (option->type == NJ_OPTION_TEXT || option->type == NJ_OPTION_PATH) {
        // A JSON text is a YAML text whose escapes are known.
        struct nj_json_writer writer;
        nj_json_init(&writer, out);
        nj_json_text(&writer, NULL, fallback);
    } else {
        nj_buf_append_text(out, fallback);
    }
}

static void example_option(struct nj_buf *out, const struct nj_option_group *group,
                           const struct nj_option *option)
{
    char env[NJ_CONFIG_NAME_MAX];
    nj_option_env_name(group, option, env, sizeof(env));
    nj_buf_append_char(out, '\n');
    append_wrapped(out, "  # ", option->help);
    nj_buf_append_text(out, "  # (");
    append_allowed(out, option);
    nj_buf_printf(out, "; environment %s)\n", env);
    for (size_t i = 0; option->type == NJ_OPTION_OBJECTS && i < option->members->count; i++) {
        const struct nj_option *member = &option->members->options[i];
        nj_buf_printf(out, "  #   %s: ", member->name);
        append_allowed(out, member);
        nj_buf_append_char(out, '\n');
    }
    nj_buf_printf(out, "  #%s:", option->name);
    example_value(out, option);
    nj_buf_append_char(out, '\n');
}

void nj_config_example(const struct nj_option_group *const *groups, struct nj_buf *out)
{
    nj_buf_append_text(out, "# Every setting with its default. Take the '#' away before a name to "
                            "change it.\n");
    for (size_t i = 0; groups[i]; i++) {
        nj_buf_printf(out, "\n# %s\n%s:\n", groups[i]->title, groups[i]->name);
        for (size_t k = 0; k < groups[i]->count; k++)
            example_option(out, groups[i], &groups[i]->options[k]);
    }
}

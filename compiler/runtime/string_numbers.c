/* Between strings and the numbers they spell, in the C locale whatever the program's is. */
#define _GNU_SOURCE /* newlocale, uselocale */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

struct numerals {
  locale_t c, before;
};

static struct numerals begin(void) {
  struct numerals l = {newlocale(LC_ALL_MASK, "C", (locale_t)0), (locale_t)0};
  if (l.c) l.before = uselocale(l.c);
  return l;
}

static void end(struct numerals l) {
  if (!l.c) return;
  uselocale(l.before);
  freelocale(l.c);
}

/* ---- parsing ---- */

static bool is_all(aicc_string s, const char *parsed) { return parsed != s.data && parsed == s.data + s.size; }

static void spells_none(void *ctx, aicc_string s) {
  char message[96];
  snprintf(message, sizeof message, "the string '%.40s' spells no number", s.data);
  aicc_fail(ctx, AICC_ERROR_MODEL, message);
}

void aicc_string_parse_f64(void *context, const int64_t *x, double *out, int64_t n) {
  const aicc_context *ctx = context;
  struct numerals l = begin();
  for (int64_t i = 0; i < n; i++) {
    aicc_string s = rt_strings_get(ctx->strings, x[i]);
    char *parsed;
    out[i] = strtod(s.data, &parsed);
    if (!is_all(s, parsed)) spells_none(context, s);
  }
  end(l);
}

void aicc_string_parse_i64(void *context, const int64_t *x, int64_t *out, int64_t n) {
  const aicc_context *ctx = context;
  for (int64_t i = 0; i < n; i++) {
    aicc_string s = rt_strings_get(ctx->strings, x[i]);
    char *parsed;
    errno = 0;
    out[i] = strtoll(s.data, &parsed, 10);
    if (!is_all(s, parsed) || errno) spells_none(context, s);
  }
}

/* ---- formatting ---- */

static int64_t number_of(aicc_context *ctx, const char *text) {
  int64_t number = rt_strings_number(ctx->strings, text, (int64_t)strlen(text));
  if (number < 0) aicc_fail(ctx, AICC_ERROR_MEMORY, "out of memory for strings");
  return number;
}

/* As few digits as tell `x` from all other numbers; any 17 tell a double, any 9 a float. */
static const char *shortest(double x, bool is_float, char text[40]) {
  if (isnan(x)) return "nan";
  for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
    snprintf(text, 40, "%.*g", digits, x);
    if (is_float ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) break;
  }
  return text;
}

void aicc_string_format_f64(void *context, const double *x, int64_t *out, int64_t n) {
  struct numerals l = begin();
  char text[40];
  for (int64_t i = 0; i < n; i++) out[i] = number_of(context, shortest(x[i], false, text));
  end(l);
}

void aicc_string_format_f32(void *context, const float *x, int64_t *out, int64_t n) {
  struct numerals l = begin();
  char text[40];
  for (int64_t i = 0; i < n; i++) out[i] = number_of(context, shortest(x[i], true, text));
  end(l);
}

void aicc_string_format_i64(void *context, const int64_t *x, int64_t *out, int64_t n) {
  char text[40];
  for (int64_t i = 0; i < n; i++) {
    snprintf(text, sizeof text, "%lld", (long long)x[i]);
    out[i] = number_of(context, text);
  }
}

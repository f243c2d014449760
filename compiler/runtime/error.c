/* The message of the last failure, one per thread. */
#include <stdarg.h>
#include <stdio.h>

#include "runtime.h"

static _Thread_local char message[1024];

int32_t rt_error(int32_t status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

const char *rt_last_error(void) { return message; }

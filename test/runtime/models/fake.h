/* What the hand-written models share: they stand in for generated code and keep to model.h. */
#ifndef FAKE_H
#define FAKE_H

#include <string.h>

#include "model.h"

#define COUNT(array) ((int32_t)(sizeof array / sizeof *array))
#define F16 {kDLFloat, 16, 1}
#define F32 {kDLFloat, 32, 1}
#define I64 {kDLInt, 64, 1}

#ifndef VERSION
#define VERSION AICC_MODEL_VERSION
#endif
#ifndef FEATURES
#define FEATURES NULL
#endif

#define HEADER(text) .magic = AICC_MODEL_MAGIC, .version = VERSION, .name = text, .producer = "aicc test", .target = "anything"

#endif

/* A stand-in for libcudnn.so.9: it reads the descriptors of an operation graph, checks them, and computes the convolution
 * and what follows it on the host.
 *
 * With the stand-in for the driver work waits on its stream, and goes into graphs; without a stream (the emulated GPU) it
 * is done at once. Misuse ends the program. OLD: a function is missing. */
#define _GNU_SOURCE
#include "api.h"
#include "fake_cudnn.h"
#include "fake_vendor.h"

struct cudnnContext {
  void *stream;
};

enum { MOST = 16, DEFAULT_NOTES = 1 << CUDNN_NUMERICAL_NOTE_TENSOR_CORE };
struct attribute {
  int name;
  int64_t count;
  union {
    int64_t integers[MOST];
    void *pointers[MOST];
    double numbers[MOST];
  };
};
struct descriptor {
  int type, engine, n;
  bool final;
  struct attribute attributes[MOST];
};

static const struct fake_cudnn defaults = {.version = 92800, .cuda = 12090, .proposals = 2, .notes = DEFAULT_NOTES};
static struct fake_cudnn state = {.version = 92800, .cuda = 12090, .proposals = 2, .notes = DEFAULT_NOTES};

EXPORT struct fake_cudnn *fake_cudnn_state(void) { return &state; }
EXPORT void fake_cudnn_reset(void) {
  struct fake_cudnn fresh = defaults;
  fresh.handles = state.handles, fresh.descriptors = state.descriptors;
  state = fresh;
}

/* ---- descriptors ---- */

/* Which type of values an attribute has: the header's comments. */
static int type_of(int name) {
  switch (name) {
    case CUDNN_ATTR_POINTWISE_MODE: return CUDNN_TYPE_POINTWISE_MODE;
    case CUDNN_ATTR_POINTWISE_MATH_PREC:
    case CUDNN_ATTR_CONVOLUTION_COMP_TYPE:
    case CUDNN_ATTR_TENSOR_DATA_TYPE: return CUDNN_TYPE_DATA_TYPE;
    case CUDNN_ATTR_POINTWISE_NAN_PROPAGATION: return CUDNN_TYPE_NAN_PROPOGATION;
    case CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP:
    case CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP:
    case CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE: return CUDNN_TYPE_DOUBLE;
    case CUDNN_ATTR_CONVOLUTION_CONV_MODE: return CUDNN_TYPE_CONVOLUTION_MODE;
    case CUDNN_ATTR_ENGINEHEUR_MODE: return CUDNN_TYPE_HEUR_MODE;
    case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE: return CUDNN_TYPE_NUMERICAL_NOTE;
    case CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA:
    case CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA: return CUDNN_TYPE_FLOAT;
    case CUDNN_ATTR_TENSOR_IS_VIRTUAL: return CUDNN_TYPE_BOOLEAN;
    case CUDNN_ATTR_OPERATIONGRAPH_HANDLE:
    case CUDNN_ATTR_EXECUTION_PLAN_HANDLE: return CUDNN_TYPE_HANDLE;
    case CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS:
    case CUDNN_ATTR_VARIANT_PACK_WORKSPACE: return CUDNN_TYPE_VOID_PTR;
    case CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH:
    case CUDNN_ATTR_ENGINEHEUR_RESULTS:
    case CUDNN_ATTR_ENGINECFG_ENGINE:
    case CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG:
    case CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC:
    case CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W:
    case CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X:
    case CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y:
    case CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR:
    case CUDNN_ATTR_OPERATION_POINTWISE_XDESC:
    case CUDNN_ATTR_OPERATION_POINTWISE_BDESC:
    case CUDNN_ATTR_OPERATION_POINTWISE_YDESC:
    case CUDNN_ATTR_OPERATIONGRAPH_OPS: return CUDNN_TYPE_BACKEND_DESCRIPTOR;
    default: return CUDNN_TYPE_INT64;
  }
}
/* The descriptor that an attribute belongs to, by the hundreds of its number. */
static int owner_of(int name) {
  switch (name / 50 * 50) {
    case 0: return CUDNN_BACKEND_POINTWISE_DESCRIPTOR;
    case 100: return CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR;
    case 200: return CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR;
    case 300: return CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
    case 400: return CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR;
    case 700: return CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
    case 750: return CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
    case 800: return CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR;
    case 900: return CUDNN_BACKEND_TENSOR_DESCRIPTOR;
    case 1000: return CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR;
    case 1300: return CUDNN_BACKEND_ENGINE_DESCRIPTOR;
    default: die("an unknown attribute");
  }
}
static const struct attribute *maybe(const struct descriptor *d, int name) {
  for (int i = 0; i < d->n; i++)
    if (d->attributes[i].name == name) return &d->attributes[i];
  return NULL;
}
static const struct attribute *get(const struct descriptor *d, int name) {
  const struct attribute *a = maybe(d, name);
  if (!a) {
    fprintf(stderr, "stand-in for a library: a descriptor %d without its attribute %d\n", d->type, name);
    abort();
  }
  return a;
}
static int64_t integer(const struct descriptor *d, int name) { return get(d, name)->integers[0]; }
static const struct descriptor *child(const struct descriptor *d, int name, int type) {
  const struct descriptor *found = get(d, name)->pointers[0];
  expect(found->type == type && found->final, "a descriptor of another type, or that is not final");
  return found;
}

EXPORT size_t cudnnGetVersion(void) { return (size_t)state.version; }
EXPORT size_t cudnnGetCudartVersion(void) { return (size_t)state.cuda; }
#ifndef OLD
EXPORT const char *cudnnGetErrorString(cudnnStatus_t status) {
  static _Thread_local char text[40];
  snprintf(text, sizeof text, "CUDNN_STATUS_%d", status);
  return text;
}
#endif
EXPORT void cudnnGetLastErrorString(char *text, size_t room) { snprintf(text, room, "some reason"); }
EXPORT cudnnStatus_t cudnnCreate(cudnnHandle_t *out) {
  if (state.create_status) return (cudnnStatus_t)state.create_status;
  *out = calloc(1, sizeof **out);
  state.handles++, state.created++;
  return 0;
}
EXPORT cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  free(handle);
  state.handles--;
  return 0;
}
EXPORT cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return 0;
}
EXPORT cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out) {
  struct descriptor *d = calloc(1, sizeof *d);
  d->type = type;
  state.descriptors++;
  *out = d;
  return 0;
}
EXPORT cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d) {
  free(d);
  state.descriptors--;
  return 0;
}
EXPORT cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                              cudnnBackendAttributeType_t type, int64_t count, const void *values) {
  struct descriptor *d = descriptor;
  expect(!d->final && owner_of(name) == d->type, "an attribute of another descriptor, or of one that is final");
  expect(type == type_of(name) && count > 0 && count <= MOST && d->n < MOST, "an attribute of another type");
  struct attribute *a = &d->attributes[d->n++];
  *a = (struct attribute){.name = name, .count = count};
  for (int64_t i = 0; i < count; i++)
    switch (type) {
      case CUDNN_TYPE_INT64: a->integers[i] = ((const int64_t *)values)[i]; break;
      case CUDNN_TYPE_BOOLEAN: a->integers[i] = ((const bool *)values)[i]; break;
      case CUDNN_TYPE_FLOAT: a->numbers[i] = ((const float *)values)[i]; break;
      case CUDNN_TYPE_DOUBLE: a->numbers[i] = ((const double *)values)[i]; break;
      case CUDNN_TYPE_HANDLE:
      case CUDNN_TYPE_VOID_PTR:
      case CUDNN_TYPE_BACKEND_DESCRIPTOR: a->pointers[i] = ((void *const *)values)[i]; break;
      default: a->integers[i] = ((const int *)values)[i];
    }
  return 0;
}

/* ---- graphs ---- */

struct tensor {
  int64_t name, element, rank, alignment, virtual, sizes[FAKE_RANK], steps[FAKE_RANK];
};
static int64_t bytes_of(int64_t element) { return element == CUDNN_DATA_FLOAT ? 4 : 2; }

static struct tensor tensor_of(const struct descriptor *d) {
  struct tensor t = {integer(d, CUDNN_ATTR_TENSOR_UNIQUE_ID), integer(d, CUDNN_ATTR_TENSOR_DATA_TYPE),
                     get(d, CUDNN_ATTR_TENSOR_DIMENSIONS)->count, integer(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
                     integer(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL), {0}, {0}};
  expect(t.rank >= 4 && t.rank <= FAKE_RANK && get(d, CUDNN_ATTR_TENSOR_STRIDES)->count == t.rank, "a tensor of another rank");
  expect(t.alignment % bytes_of(t.element) == 0, "an alignment that is no multiple of the element");
  for (int64_t i = 0; i < t.rank; i++) {
    t.sizes[i] = get(d, CUDNN_ATTR_TENSOR_DIMENSIONS)->integers[i];
    t.steps[i] = get(d, CUDNN_ATTR_TENSOR_STRIDES)->integers[i];
    expect(t.sizes[i] > 0 && t.steps[i] > 0, "a size or stride that is not positive");
  }
  return t;
}

struct step {
  int64_t mode;
  double lower, upper, slope;
  struct tensor b; /* rank 0: none */
};
/* A graph as it is computed; `data` are those of x, w, y and the steps' operands. */
struct work {
  struct tensor x, w, y;
  int64_t strides[FAKE_RANK], dilations[FAKE_RANK], low[FAKE_RANK], high[FAKE_RANK], n_steps;
  struct step steps[FAKE_STEPS];
  bool rounds;
  void *data[3 + FAKE_STEPS];
  fake_memory on_host;
};

static void read_list(const struct descriptor *d, int name, int64_t count, int64_t *out) {
  expect(get(d, name)->count == count, "a list of another length than there are spatial axes");
  memcpy(out, get(d, name)->integers, (size_t)count * sizeof *out);
}

static struct tensor read_convolution(const struct descriptor *op, struct work *w) {
  const struct descriptor *c = child(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  w->x = tensor_of(child(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  w->w = tensor_of(child(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  struct tensor y = tensor_of(child(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  const int64_t spatial = integer(c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
  expect(integer(c, CUDNN_ATTR_CONVOLUTION_COMP_TYPE) == CUDNN_DATA_FLOAT, "another type to compute in");
  expect(integer(c, CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CROSS_CORRELATION, "a turned window");
  expect(get(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA)->numbers[0] == 1 &&
             get(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA)->numbers[0] == 0,
         "an alpha or a beta");
  expect(w->x.rank == spatial + 2 && w->w.rank == w->x.rank && y.rank == w->x.rank, "tensors of different ranks");
  expect(w->x.element == w->w.element && !w->x.virtual && !w->w.virtual, "operands of different types");
  read_list(c, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, spatial, w->strides);
  read_list(c, CUDNN_ATTR_CONVOLUTION_DILATIONS, spatial, w->dilations);
  read_list(c, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, spatial, w->low);
  read_list(c, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, spatial, w->high);
  expect(y.sizes[0] == w->x.sizes[0] && y.sizes[1] == w->w.sizes[0] && w->x.sizes[1] % w->w.sizes[1] == 0 &&
             y.sizes[1] % (w->x.sizes[1] / w->w.sizes[1]) == 0,
         "images, channels or filters that do not fit");
  for (int64_t i = 0; i < spatial; i++) {
    int64_t room = w->x.sizes[2 + i] + w->low[i] + w->high[i] - (w->w.sizes[2 + i] - 1) * w->dilations[i] - 1;
    expect(room >= 0 && room / w->strides[i] + 1 == y.sizes[2 + i], "results that do not fit the windows");
  }
  return y;
}

static struct tensor read_step(const struct descriptor *op, struct work *w, const struct tensor *before) {
  const struct descriptor *p = child(op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  struct tensor x = tensor_of(child(op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  struct tensor y = tensor_of(child(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  struct step *s = &w->steps[w->n_steps++];
  const struct attribute *lower = maybe(p, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP);
  const struct attribute *upper = maybe(p, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP);
  const struct attribute *slope = maybe(p, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE);
  *s = (struct step){integer(p, CUDNN_ATTR_POINTWISE_MODE), lower ? lower->numbers[0] : 0,
                     upper ? upper->numbers[0] : INFINITY, slope ? slope->numbers[0] : 0, {0}};
  expect(integer(p, CUDNN_ATTR_POINTWISE_MATH_PREC) == CUDNN_DATA_FLOAT, "another type to compute in");
  expect(x.name == before->name && x.virtual && x.element == CUDNN_DATA_FLOAT, "what is between operations is virtual");
  expect(!memcmp(x.sizes, y.sizes, sizeof x.sizes), "operations of different sizes");
  const bool two = s->mode == CUDNN_POINTWISE_ADD || s->mode == CUDNN_POINTWISE_MUL;
  expect(two == (maybe(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC) != NULL), "a wrong number of operands");
  if (two) s->b = tensor_of(child(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  for (int64_t i = 0; i < s->b.rank; i++)
    expect(s->b.sizes[i] == y.sizes[i] || s->b.sizes[i] == 1, "an operand of another size");
  return y;
}

static struct work read_graph(const struct descriptor *graph) {
  struct work w = {.n_steps = 0};
  const struct attribute *ops = get(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
  expect(get(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE)->pointers[0] != NULL, "no handle");
  for (int64_t i = 0; i < ops->count; i++) {
    const struct descriptor *op = ops->pointers[i];
    expect(op->final && op->type == (i ? CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR
                                       : CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR),
           "another operation, or one that is not final");
    w.y = i ? read_step(op, &w, &w.y) : read_convolution(op, &w);
  }
  expect(!w.y.virtual, "a virtual result");
  return w;
}

/* ---- finalize, ask ---- */

static const struct descriptor *config_graph(const struct descriptor *config) {
  return child(config, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
}

EXPORT cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  struct descriptor *d = descriptor;
  expect(!d->final, "a descriptor that is final");
  switch (d->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR: tensor_of(d); break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      read_graph(d);
      state.graphs++;
      if (state.graph_status) return (cudnnStatus_t)state.graph_status;
      break;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR: config_graph(d), integer(d, CUDNN_ATTR_ENGINEHEUR_MODE); break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: {
      const struct descriptor *config = child(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
      if (state.plan_status && config->engine == 0) return (cudnnStatus_t)state.plan_status;
      d->engine = config->engine;
      break;
    }
    default: break;
  }
  d->final = true;
  return 0;
}

EXPORT cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor, cudnnBackendAttributeName_t name,
                                              cudnnBackendAttributeType_t type, int64_t room, int64_t *count, void *out) {
  const struct descriptor *d = descriptor;
  expect(d->final && owner_of(name) == d->type && type == type_of(name), "another descriptor, or another type");
  *count = 0;
  switch (name) {
    case CUDNN_ATTR_ENGINEHEUR_RESULTS: {
      const bool fallback = integer(d, CUDNN_ATTR_ENGINEHEUR_MODE) == CUDNN_HEUR_MODE_FALLBACK;
      expect(fallback || integer(d, CUDNN_ATTR_ENGINEHEUR_MODE) == CUDNN_HEUR_MODE_A, "another mode");
      const int64_t first = fallback ? state.proposals - 1 : 0, end = state.proposals; /* the last one is the fallback */
      for (int64_t i = first; i < end && i >= 0 && *count < room; i++) {
        struct descriptor *config = ((void **)out)[(*count)++];
        expect(config->type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR && !config->final, "no room for a proposal");
        config->engine = (int)i, config->final = true;
        config->n = 1, config->attributes[0] = *get(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
      }
      return 0;
    }
    case CUDNN_ATTR_ENGINECFG_ENGINE: {
      struct descriptor *engine = ((void **)out)[0];
      expect(engine->type == CUDNN_BACKEND_ENGINE_DESCRIPTOR && !engine->final, "no room for an engine");
      engine->engine = d->engine, engine->final = true;
      *count = 1;
      return 0;
    }
    case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE:
      for (int i = 0; d->engine == 0 && i < 10; i++)
        if (state.notes >> i & 1 && *count < room) ((int *)out)[(*count)++] = i;
      return 0;
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
      *count = 1;
      *(int64_t *)out = d->engine == 0 ? state.workspace_wanted : 0;
      return 0;
    default: die("an attribute that is not asked for");
  }
}

/* ---- numbers ---- */

static double load(int64_t element, const void *base, int64_t at) {
  if (element == CUDNN_DATA_FLOAT) return ((const float *)base)[at];
  const uint16_t bits = ((const uint16_t *)base)[at];
  return element == CUDNN_DATA_HALF ? half_value(bits) : (double)float_of((uint32_t)bits << 16);
}
static void store(int64_t element, void *base, int64_t at, double x) {
  if (element == CUDNN_DATA_FLOAT)
    ((float *)base)[at] = (float)x;
  else
    ((uint16_t *)base)[at] = element == CUDNN_DATA_HALF ? half_of(x) : bfloat_of((float)x);
}
static double computed(const struct step *s, double x, double b) {
  switch (s->mode) {
    case CUDNN_POINTWISE_ADD: return x + b;
    case CUDNN_POINTWISE_MUL: return x * b;
    case CUDNN_POINTWISE_RELU_FWD: return x < s->lower ? s->lower + s->slope * (x - s->lower) : x > s->upper ? s->upper : x;
    case CUDNN_POINTWISE_TANH_FWD: return tanh(x);
    case CUDNN_POINTWISE_SIGMOID_FWD: return 1 / (1 + exp(-x));
    case CUDNN_POINTWISE_SWISH_FWD: return x / (1 + exp(-x));
    case CUDNN_POINTWISE_ELU_FWD: return x < 0 ? expm1(x) : x;
    case CUDNN_POINTWISE_GELU_FWD: return 0.5 * x * (1 + erf(x * 0.7071067811865476));
    case CUDNN_POINTWISE_GELU_APPROX_TANH_FWD: return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    default: die("an unknown pointwise operation");
  }
}
static void *memory(const struct work *w, const struct tensor *t, void *data) {
  int64_t last = 0;
  for (int64_t i = 0; i < t->rank; i++) last += (t->sizes[i] - 1) * t->steps[i];
  return fake_host(w->on_host, data, (last + 1) * bytes_of(t->element));
}
/* Element `place` of a tensor, whose axes of size one count for all. */
static int64_t at(const struct tensor *t, const int64_t *place) {
  int64_t sum = 0;
  for (int64_t i = 0; i < t->rank; i++) sum += (t->sizes[i] == 1 ? 0 : place[i]) * t->steps[i];
  return sum;
}
static bool next(const struct tensor *t, int64_t from, int64_t *place) {
  for (int64_t i = t->rank - 1; i >= from; i--) {
    if (++place[i] < t->sizes[i]) return true;
    place[i] = 0;
  }
  return false;
}
static double sum_of(const struct work *w, const void *x, const void *filters, const int64_t *place) {
  const int64_t groups = w->x.sizes[1] / w->w.sizes[1], group = place[1] / (w->w.sizes[0] / groups);
  int64_t tap[FAKE_RANK] = {place[1]}, read[FAKE_RANK] = {place[0]};
  double sum = 0;
  do {
    bool inside = true;
    read[1] = group * w->w.sizes[1] + tap[1];
    for (int64_t i = 2; i < w->x.rank; i++) {
      read[i] = place[i] * w->strides[i - 2] + tap[i] * w->dilations[i - 2] - w->low[i - 2];
      inside = inside && read[i] >= 0 && read[i] < w->x.sizes[i];
    }
    if (!inside) continue;
    double a = load(w->x.element, x, at(&w->x, read)), b = load(w->w.element, filters, at(&w->w, tap));
    sum += w->rounds ? (double)tf32_of((float)a) * tf32_of((float)b) : a * b;
  } while (next(&w->w, 1, tap));
  return sum;
}
static void convolve(const void *argument) {
  const struct work *w = argument;
  const void *x = memory(w, &w->x, w->data[0]), *filters = memory(w, &w->w, w->data[1]), *operands[FAKE_STEPS] = {NULL};
  void *y = memory(w, &w->y, w->data[2]);
  for (int64_t i = 0; i < w->n_steps; i++)
    if (w->steps[i].b.rank) operands[i] = memory(w, &w->steps[i].b, w->data[3 + i]);
  int64_t place[FAKE_RANK] = {0};
  do {
    double value = sum_of(w, x, filters, place);
    for (int64_t i = 0; i < w->n_steps; i++) {
      const struct step *s = &w->steps[i];
      value = computed(s, value, s->b.rank ? load(s->b.element, operands[i], at(&s->b, place)) : 0);
    }
    store(w->y.element, y, at(&w->y, place), value);
  } while (next(&w->y, 0, place));
}

/* ---- execution ---- */

static void *pointer_of(const struct descriptor *pack, const struct tensor *t) {
  const struct attribute *names = get(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const struct attribute *pointers = get(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  expect(names->count == pointers->count, "names and pointers of different numbers");
  for (int64_t i = 0; i < names->count; i++)
    if (names->integers[i] == t->name) {
      expect((uintptr_t)pointers->pointers[i] % (uintptr_t)t->alignment == 0, "a pointer that is not aligned as was said");
      return pointers->pointers[i];
    }
  die("a tensor without a pointer");
}

EXPORT cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack) {
  const struct descriptor *p = plan;
  expect(p->final && p->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "no plan");
  expect(get(p, CUDNN_ATTR_EXECUTION_PLAN_HANDLE)->pointers[0] == handle, "a plan of another handle");
  if (state.execute_status) return (cudnnStatus_t)state.execute_status;
  struct work w = read_graph(config_graph(child(p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)));
  w.rounds = p->engine == 0 && w.x.element == CUDNN_DATA_FLOAT && state.notes & DEFAULT_NOTES;
  w.data[0] = pointer_of(pack, &w.x), w.data[1] = pointer_of(pack, &w.w), w.data[2] = pointer_of(pack, &w.y);
  void *workspace = get(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)->pointers[0];
  expect((uintptr_t)workspace % 16 == 0 && (workspace || p->engine || !state.workspace_wanted), "no workspace");
  struct fake_cudnn_call *last = &state.last;
  *last = (struct fake_cudnn_call){w.x.rank, w.x.element, w.y.element, w.n_steps, p->engine, w.x.alignment, w.y.alignment,
                                   {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}};
  memcpy(last->x, w.x.sizes, sizeof last->x), memcpy(last->w, w.w.sizes, sizeof last->w);
  memcpy(last->y, w.y.sizes, sizeof last->y), memcpy(last->strides, w.strides, sizeof last->strides);
  memcpy(last->dilations, w.dilations, sizeof last->dilations), memcpy(last->low, w.low, sizeof last->low);
  memcpy(last->high, w.high, sizeof last->high);
  for (int64_t i = 0; i < w.n_steps; i++) {
    const struct tensor *b = &w.steps[i].b;
    if (b->rank) w.data[3 + i] = pointer_of(pack, b);
    last->modes[i] = w.steps[i].mode;
    state.seen |= 1 << (last->modes[i] < 100 ? last->modes[i] : last->modes[i] - 92);
    last->filters[i] = b->rank ? b->sizes[2] == 1 && b->sizes[0] == 1 : -1;
  }
  state.executions++;
  return fake_submit(handle->stream, convolve, &w, sizeof w, &w.on_host) ? 0 : 5003;
}

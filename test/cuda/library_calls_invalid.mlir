// RUN: not aicc-opt --target cuda --mcpu sm_80 --outline-launches -split-input-file %s 2>&1 | FileCheck %s

// Calls of a library that are not well formed.

// CHECK: it has no dictionary 'aicc.product'
func.func private @aicc_library_product(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %w: memref<?xi8>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_product(%a, %a, %a, %w, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: there is no library 'mkl', only cublaslt
func.func private @aicc_library_product(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %w: memref<?xi8>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_product(%a, %a, %a, %w, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.product = {library = "mkl", element = f32, result = f32}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: 'aicc.product' has library, element and result, and may have
func.func private @aicc_library_product(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %w: memref<?xi8>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_product(%a, %a, %a, %w, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.product = {library = "cublaslt", element = f32, result = f32, beta = 1.0 : f32}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: products of f32 with results of f16 are none of the library's
func.func private @aicc_library_product(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %w: memref<?xi8>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_product(%a, %a, %a, %w, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.product = {library = "cublaslt", element = f32, result = f16}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: there is no activation 'selu', only none, relu, gelu_tanh
func.func private @aicc_library_product(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %w: memref<?xi8>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_product(%a, %a, %a, %w, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.product = {library = "cublaslt", element = f32, result = f32, activation = "selu"}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: its operands are to be memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index
func.func private @aicc_library_product(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %w: memref<?xi8>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_product(%a, %a, %a, %w, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.product = {library = "cublaslt", element = f32, result = f32, bias}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: products of bytes have no bias
func.func private @aicc_library_product(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %w: memref<?xi8>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_product(%a, %a, %a, %w, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.product = {library = "cublaslt", element = i8, result = i32, bias}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xi8>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: 8 channels and 8 filters are not 3 groups
func.func private @aicc_library_convolution(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_convolution(%a, %a, %a, %a, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.convolution = {library = "cudnn", element = f32, result = f32, channels = 8 : i64, filters = 8 : i64, groups = 3 : i64, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, epilogue = [{op = "add", operand = "filters"}]}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: window, strides, dilations, low, high are to be of one length
func.func private @aicc_library_convolution(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_convolution(%a, %a, %a, %a, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.convolution = {library = "cudnn", element = f32, result = f32, channels = 8 : i64, filters = 8 : i64, groups = 1 : i64, window = array<i64: 3, 3>, strides = array<i64: 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, epilogue = [{op = "add", operand = "filters"}]}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: a step 'relu' with the operand 'all'
func.func private @aicc_library_convolution(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_convolution(%a, %a, %a, %a, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.convolution = {library = "cudnn", element = f32, result = f32, channels = 8 : i64, filters = 8 : i64, groups = 1 : i64, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, epilogue = [{op = "relu", operand = "all"}]}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: a step has an op and may have operand, lower, upper and slope
func.func private @aicc_library_convolution(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_convolution(%a, %a, %a, %a, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.convolution = {library = "cudnn", element = f32, result = f32, channels = 8 : i64, filters = 8 : i64, groups = 1 : i64, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, epilogue = [{op = "relu", alpha = 1.0 : f32}]}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: convolutions of f32 with results of f16 are none of the library's
func.func private @aicc_library_convolution(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_convolution(%a, %a, %a, %a, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.convolution = {library = "cudnn", element = f32, result = f16, channels = 8 : i64, filters = 8 : i64, groups = 1 : i64, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, epilogue = [{op = "add", operand = "filters"}]}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// -----

// CHECK: its operands are to be memref<?xf32>, memref<?xf32>, memref<?xf32>, index
func.func private @aicc_library_convolution(memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
func.func @k(%a: memref<?xf32>, %n: index) attributes {aicc.kernel} {
  %done = func.call @aicc_library_convolution(%a, %a, %a, %a, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n, %n) {aicc.convolution = {library = "cudnn", element = f32, result = f32, channels = 8 : i64, filters = 8 : i64, groups = 1 : i64, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>}} : (memref<?xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> i1
  return
}

// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @numbers(%x: tensor<2xf32>) {
  // expected-error @+1 {{'aicc.string_of' op operand 'number' has dtype f32; allowed: i64}}
  %0 = "aicc.string_of"(%x) : (tensor<2xf32>) -> tensor<2xsi64>
  return
}

// -----

func.func @texts(%x: tensor<2xi64>) {
  // expected-error @+1 {{'aicc.string_number' op operand 'x' has dtype i64; allowed: si64}}
  %0 = "aicc.string_number"(%x) : (tensor<2xi64>) -> tensor<2xi64>
  return
}

// -----

func.func @shapes(%a: tensor<2xsi64>, %b: tensor<3xsi64>) {
  // expected-error @+1 {{'aicc.string_concat' op}}
  %0 = "aicc.string_concat"(%a, %b) : (tensor<2xsi64>, tensor<3xsi64>) -> tensor<3xsi64>
  return
}

// -----

func.func @delimiter(%a: tensor<2xsi64>) {
  // expected-error @+1 {{'aicc.string_split' op attribute 'delimiter' is missing}}
  %0, %1 = "aicc.string_split"(%a) {splits = 1 : i64} : (tensor<2xsi64>) -> (tensor<2x?xsi64>, tensor<2xi64>)
  return
}

// -----

func.func @case(%x: tensor<?xsi64>, %n: tensor<3xi64>, %cases: tensor<5x4xi32>) {
  // expected-error @+1 {{'aicc.string_normalize' op attribute 'change' is 'title', expected none, lower, upper}}
  %0 = "aicc.string_normalize"(%x, %n, %cases) {change = "title", sensitive = true} : (tensor<?xsi64>, tensor<3xi64>, tensor<5x4xi32>) -> tensor<?xsi64>
  return
}

// -----

func.func @automaton(%x: tensor<?xsi64>, %table: tensor<3x4xi32>) {
  // expected-error @+1 {{'aicc.string_match' op operand 'automaton' must have rank 1, got i32[3, 4]}}
  %0 = "aicc.string_match"(%x, %table) : (tensor<?xsi64>, tensor<3x4xi32>) -> tensor<?xi1>
  return
}

// -----

func.func @least(%x: tensor<?xsi64>, %table: tensor<30xi32>) {
  // expected-error @+1 {{'aicc.string_tokens' op attributes 'least' and 'pad' are 0 and 0, expected at least 1 and 0}}
  %0 = "aicc.string_tokens"(%x, %table) {splitting = false, least = 0 : i64, mark = true, pad = 0 : i64} : (tensor<?xsi64>, tensor<30xi32>) -> tensor<?x?xsi64>
  return
}

// -----

func.func @generator(%n: tensor<3xi64>) {
  // expected-error @+1 {{'aicc.random' op attribute 'dtype' is f32, which has no generator}}
  %0 = "aicc.random"(%n) {kind = "normal", dtype = f32, seed = 1 : i64, number = 0 : i64} : (tensor<3xi64>) -> tensor<?x?x?xf32>
  return
}

// -----

func.func @arithmetic(%a: tensor<2xsi64>) {
  // expected-error @+1 {{'aicc.add' op operand 'a' has dtype si64}}
  %0 = "aicc.add"(%a, %a) : (tensor<2xsi64>, tensor<2xsi64>) -> tensor<2xsi64>
  return
}

// -----

func.func @parsed(%a: tensor<2xsi64>) {
  // expected-error @+1 {{'aicc.string_parse' op attribute 'to' is f16, expected f64 or i64}}
  %0 = "aicc.string_parse"(%a) {to = f16} : (tensor<2xsi64>) -> tensor<2xf16>
  return
}

// -----

func.func @formatted(%a: tensor<2xi1>) {
  // expected-error @+1 {{'aicc.string_format' op operand 'x' has dtype i1}}
  %0 = "aicc.string_format"(%a) : (tensor<2xi1>) -> tensor<2xsi64>
  return
}

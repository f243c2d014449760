// RUN: aicc-opt %s --expand-math -split-input-file | filecheck %s

// The same function twice: its polynomial is in the kernel, no call and no function is left.
// CHECK-LABEL: func.func @vectors
// CHECK-NOT: math.exp
// CHECK-NOT: call
// CHECK-COUNT-20: math.fma
// CHECK: return
// CHECK-NOT: func.func private
func.func @vectors(%x: vector<8xf32>, %y: vector<8xf32>) -> (vector<8xf32>, vector<8xf32>) {
  %a = math.exp %x : vector<8xf32>
  %b = math.exp %y : vector<8xf32>
  return %a, %b : vector<8xf32>, vector<8xf32>
}

// -----

// Instructions stay.
// CHECK-LABEL: func.func @instructions
// CHECK: math.sqrt
// CHECK: math.fma
// CHECK: math.absf
// CHECK: math.copysign
func.func @instructions(%x: vector<8xf32>) -> vector<8xf32> {
  %a = math.sqrt %x : vector<8xf32>
  %b = math.fma %a, %a, %x : vector<8xf32>
  %c = math.absf %b : vector<8xf32>
  %d = math.copysign %c, %x : vector<8xf32>
  return %d : vector<8xf32>
}

// -----

// Half precision goes through f32, vectors of several dimensions through flat ones.
// CHECK-LABEL: func.func @half
// CHECK: vector.shape_cast %{{.*}} : vector<2x4xf16> to vector<8xf16>
// CHECK: arith.extf %{{.*}} : vector<8xf16> to vector<8xf32>
// CHECK: arith.truncf %{{.*}} : vector<8xf32> to vector<8xf16>
// CHECK: vector.shape_cast %{{.*}} : vector<8xf16> to vector<2x4xf16>
func.func @half(%x: vector<2x4xf16>) -> vector<2x4xf16> {
  %a = math.tanh %x : vector<2x4xf16>
  return %a : vector<2x4xf16>
}

// -----

// Affine loops are lowered, since the slow path for huge angles has loops of its own; other calls stay calls.
// CHECK-LABEL: func.func @loops
// CHECK: scf.for
// CHECK: scf.if
// CHECK: func.call @other
func.func private @other(%x: f32) -> f32 {
  return %x : f32
}
func.func @loops(%m: memref<16xf32>) {
  affine.for %i = 0 to 16 {
    %x = affine.load %m[%i] : memref<16xf32>
    %y = math.sin %x : f32
    %z = func.call @other(%y) : (f32) -> f32
    affine.store %z, %m[%i] : memref<16xf32>
  }
  return
}

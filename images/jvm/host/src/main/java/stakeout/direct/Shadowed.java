package stakeout.direct;

import java.lang.invoke.CallSite;
import java.lang.invoke.ConstantCallSite;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodHandles.Lookup;
import java.lang.invoke.MethodType;
import org.robolectric.internal.bytecode.RobolectricInternals;
import org.robolectric.internal.bytecode.ShadowedObject;

/**
 * Binds the calls that a shadow may take, once: in a device the shadows never change, so nothing is kept to bind anew, and no
 * handler stands around each call to shorten stack traces. That was two thirds of the classes that a call cost.
 */
public final class Shadowed {
  private static final MethodHandle GET_SHADOW;
  static {
    try {
      GET_SHADOW = MethodHandles.lookup().findVirtual(ShadowedObject.class, "$$robo$getData", MethodType.methodType(Object.class));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private Shadowed() {}

  public static CallSite bootstrapInit(Lookup caller, String name, MethodType type) {
    return new ConstantCallSite(RobolectricInternals.getShadowCreator(caller.lookupClass()).asType(type));
  }

  public static CallSite bootstrap(Lookup caller, String name, MethodType type, MethodHandle original, int isNative) throws IllegalAccessException {
    Class<?> c = caller.lookupClass();
    MethodHandle shadow = RobolectricInternals.findShadowMethodHandle(c, name, type, false, isNative != 0);
    if (shadow == null) return new ConstantCallSite(original.asType(type));
    Class<?> receiver = shadow.type().parameterType(0);
    if (!receiver.equals(c)) {
      MethodHandle get = GET_SHADOW.asType(MethodType.methodType(receiver, type.parameterType(0)));
      shadow = MethodHandles.filterArguments(shadow, 0, get);
    }
    return new ConstantCallSite(shadow.asType(type));
  }

  public static CallSite bootstrapStatic(Lookup caller, String name, MethodType type, MethodHandle original, int isNative) throws IllegalAccessException {
    MethodHandle shadow = RobolectricInternals.findShadowMethodHandle(caller.lookupClass(), name, type, true, isNative != 0);
    return new ConstantCallSite((shadow == null ? original : shadow).asType(type));
  }
}
